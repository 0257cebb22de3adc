DELETE FROM unchained_fact WHERE kind IN ('approval', 'deployment');
DROP INDEX deployment_without_fact;
ALTER TABLE deployment DROP COLUMN fact_count;
DROP TABLE deployment_fact;
