DROP INDEX git_commit_unpublished;
CREATE INDEX git_commit_unpublished ON git_commit (repository_id) WHERE published_at IS NULL;
