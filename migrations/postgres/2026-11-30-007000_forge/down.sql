DROP TABLE forge_delivery;
DROP TABLE forge;
