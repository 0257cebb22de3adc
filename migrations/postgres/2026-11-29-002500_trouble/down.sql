DROP TABLE trouble;
