ALTER TABLE repository DROP COLUMN strangers_move;
