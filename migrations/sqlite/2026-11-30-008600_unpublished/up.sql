-- What no branch publishes yet. By the repository alone the index of all its commits was taken instead, and each push read the whole
-- history.
DROP INDEX git_commit_unpublished;
CREATE INDEX git_commit_unpublished ON git_commit (repository_id, published_at) WHERE published_at IS NULL;
