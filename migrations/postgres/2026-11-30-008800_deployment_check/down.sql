ALTER TABLE deployment DROP COLUMN check_result;
