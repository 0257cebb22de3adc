DROP TABLE signing_secret;
