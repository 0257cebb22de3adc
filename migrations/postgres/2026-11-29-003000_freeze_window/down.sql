DROP TABLE freeze_window_service;
DROP TABLE freeze_window;
