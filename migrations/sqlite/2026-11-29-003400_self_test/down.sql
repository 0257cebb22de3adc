DROP TABLE self_test;
