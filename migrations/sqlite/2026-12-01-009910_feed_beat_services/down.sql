DROP TABLE feed_beat_service;
