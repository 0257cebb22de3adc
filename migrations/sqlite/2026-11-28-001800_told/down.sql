DROP TABLE clock_told;
UPDATE delivery SET state = 'cancelled' WHERE state = 'joined';
