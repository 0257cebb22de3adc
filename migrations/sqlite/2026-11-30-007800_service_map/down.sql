DROP TABLE service_host;
DROP TABLE service_call;
