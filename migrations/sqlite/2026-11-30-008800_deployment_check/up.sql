-- What a check of its health said last, after a deployment ended.
ALTER TABLE deployment ADD COLUMN check_result TEXT;
