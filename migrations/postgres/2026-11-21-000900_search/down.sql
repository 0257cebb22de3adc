DROP TABLE search_doc;
