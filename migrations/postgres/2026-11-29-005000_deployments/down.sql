DROP INDEX change_plan_watch;
DROP INDEX git_commit_seq;
DROP TABLE deploy_rule;
DROP TABLE deployment_ticket;
DROP TABLE deploy_lane;
DROP TABLE deployment;
