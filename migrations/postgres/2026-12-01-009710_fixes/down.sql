DROP TABLE incident_fix;
