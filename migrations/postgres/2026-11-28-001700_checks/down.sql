DROP TABLE clock_difference;
