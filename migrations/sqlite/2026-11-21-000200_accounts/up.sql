-- People and what they belong to, how they come in, what was set, and who did what to all that.
-- Nobody is deleted: is_active says who is still here.

CREATE TABLE person (
    id BLOB PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    zone TEXT NOT NULL,
    phone TEXT,
    is_active BOOLEAN NOT NULL,
    made_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);

CREATE TABLE customer (
    id BLOB PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    folded_name TEXT NOT NULL UNIQUE,
    zone TEXT NOT NULL,
    language TEXT NOT NULL,
    note TEXT NOT NULL,
    is_active BOOLEAN NOT NULL,
    made_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);

-- Mail from this domain is this customer's.
CREATE TABLE customer_domain (
    domain TEXT PRIMARY KEY NOT NULL,
    customer_id BLOB NOT NULL REFERENCES customer (id)
);
CREATE INDEX customer_domain_of ON customer_domain (customer_id);

CREATE TABLE contact (
    id BLOB PRIMARY KEY NOT NULL,
    customer_id BLOB NOT NULL REFERENCES customer (id),
    name TEXT NOT NULL,
    phone TEXT,
    zone TEXT,
    reach TEXT NOT NULL,
    is_active BOOLEAN NOT NULL,
    made_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX contact_of ON contact (customer_id);

-- One mail address belongs to one person or one contact, whatever its case.
CREATE TABLE address (
    folded TEXT PRIMARY KEY NOT NULL,
    email TEXT NOT NULL,
    person_id BLOB REFERENCES person (id),
    contact_id BLOB REFERENCES contact (id),
    is_main BOOLEAN NOT NULL,
    CHECK ((person_id IS NULL) <> (contact_id IS NULL))
);
CREATE INDEX address_of_person ON address (person_id);
CREATE INDEX address_of_contact ON address (contact_id);

-- How somebody comes in; without a password hash they can't yet.
CREATE TABLE login (
    id BLOB PRIMARY KEY NOT NULL,
    person_id BLOB UNIQUE REFERENCES person (id),
    contact_id BLOB UNIQUE REFERENCES contact (id),
    password_hash TEXT,
    password_at BIGINT,
    last_at BIGINT,
    CHECK ((person_id IS NULL) <> (contact_id IS NULL))
);

-- Only the hash of the cookie is here.
CREATE TABLE session (
    id BLOB PRIMARY KEY NOT NULL,
    hash BLOB NOT NULL UNIQUE,
    login_id BLOB NOT NULL REFERENCES login (id),
    made_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    browser TEXT NOT NULL,
    network TEXT NOT NULL
);
CREATE INDEX session_of ON session (login_id);
CREATE INDEX session_age ON session (seen_at);

CREATE TABLE role_grant (
    person_id BLOB NOT NULL REFERENCES person (id),
    role TEXT NOT NULL,
    granted_at BIGINT NOT NULL,
    PRIMARY KEY (person_id, role)
);
CREATE INDEX role_grant_of ON role_grant (role);

-- Links that work once: set-up, invitation, reset. Only the hash is here.
CREATE TABLE one_time_link (
    hash BLOB PRIMARY KEY NOT NULL,
    purpose TEXT NOT NULL,
    login_id BLOB REFERENCES login (id),
    made_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX one_time_link_of ON one_time_link (login_id);

CREATE TABLE api_token (
    id BLOB PRIMARY KEY NOT NULL,
    hash BLOB NOT NULL UNIQUE,
    hint TEXT NOT NULL,
    name TEXT NOT NULL,
    owner_kind TEXT NOT NULL,
    owner_id BLOB,
    roles TEXT NOT NULL,
    scopes TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT,
    revoked_at BIGINT
);
CREATE INDEX api_token_of ON api_token (owner_id);

CREATE TABLE team (
    id BLOB PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    folded_name TEXT NOT NULL UNIQUE,
    zone TEXT NOT NULL,
    calendar_id BLOB,
    is_active BOOLEAN NOT NULL,
    made_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);

CREATE TABLE team_member (
    team_id BLOB NOT NULL REFERENCES team (id),
    person_id BLOB NOT NULL REFERENCES person (id),
    since_at BIGINT NOT NULL,
    PRIMARY KEY (team_id, person_id)
);
CREATE INDEX team_member_of ON team_member (person_id);

CREATE TABLE service (
    id BLOB PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    folded_name TEXT NOT NULL UNIQUE,
    public_name TEXT NOT NULL,
    team_id BLOB NOT NULL REFERENCES team (id),
    runbook_url TEXT,
    members_total SMALLINT NOT NULL,
    members_needed SMALLINT NOT NULL,
    is_active BOOLEAN NOT NULL,
    made_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX service_of ON service (team_id);

-- Who knows a service, and who needs to know.
CREATE TABLE service_person (
    service_id BLOB NOT NULL REFERENCES service (id),
    person_id BLOB NOT NULL REFERENCES person (id),
    part TEXT NOT NULL,
    PRIMARY KEY (service_id, person_id, part)
);

CREATE TABLE environment (
    name TEXT PRIMARY KEY NOT NULL,
    position BIGINT NOT NULL
);

-- Ways to reach a person, in the order in which a page tries them.
CREATE TABLE way (
    id BLOB PRIMARY KEY NOT NULL,
    person_id BLOB NOT NULL REFERENCES person (id),
    position BIGINT NOT NULL,
    channel TEXT NOT NULL,
    address TEXT NOT NULL
);
CREATE INDEX way_of ON way (person_id);

CREATE TABLE setting (
    key TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);

-- Tries per account, network address or recipient; keys are hashed.
CREATE TABLE login_throttle (
    key BLOB PRIMARY KEY NOT NULL,
    count BIGINT NOT NULL,
    last_at BIGINT NOT NULL
);
CREATE INDEX login_throttle_age ON login_throttle (last_at);

CREATE TABLE audit (
    id BLOB PRIMARY KEY NOT NULL,
    at BIGINT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id BLOB,
    actor_name TEXT NOT NULL,
    door TEXT NOT NULL,
    deed TEXT NOT NULL,
    subject TEXT NOT NULL,
    facts TEXT NOT NULL
);
CREATE INDEX audit_newest ON audit (at, id);

-- Guards, no logic: what was done stays said.
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
