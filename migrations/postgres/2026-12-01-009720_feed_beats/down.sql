DROP TABLE feed_beat;
