DROP TABLE period_lock;
