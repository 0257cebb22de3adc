DROP INDEX delivery_kind;
DROP TABLE bouncing;
