-- Schedules, escalation and pages; and the facts that pay is computed from.
-- Facts are only ever added: guard triggers at the end refuse anything else. They hold no logic.

-- A team's rotation. The anchor is a wall-clock time in the schedule's zone.
CREATE TABLE schedule (
    id BLOB PRIMARY KEY NOT NULL,
    team_id BLOB NOT NULL UNIQUE REFERENCES team (id),
    zone TEXT NOT NULL,
    anchor TEXT NOT NULL,
    unit TEXT NOT NULL,
    length BIGINT NOT NULL,
    base_turn BIGINT NOT NULL,
    base_position BIGINT NOT NULL,
    from_at BIGINT NOT NULL,
    recorded_to BIGINT NOT NULL,
    next_wake_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX schedule_wake ON schedule (next_wake_at);

CREATE TABLE schedule_person (
    schedule_id BLOB NOT NULL REFERENCES schedule (id),
    position BIGINT NOT NULL,
    person_id BLOB NOT NULL REFERENCES person (id),
    PRIMARY KEY (schedule_id, position)
);
CREATE INDEX schedule_person_of ON schedule_person (person_id);

CREATE TABLE schedule_override (
    id BLOB PRIMARY KEY NOT NULL,
    schedule_id BLOB NOT NULL REFERENCES schedule (id),
    kind TEXT NOT NULL,
    out_id BLOB REFERENCES person (id),
    in_id BLOB REFERENCES person (id),
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    note TEXT NOT NULL,
    made_by BLOB REFERENCES person (id),
    made_at BIGINT NOT NULL,
    withdrawn_at BIGINT
);
CREATE INDEX schedule_override_span ON schedule_override (schedule_id, ends_at);

-- A feed's address is its only key; the hash is all that is kept.
CREATE TABLE calendar_feed (
    hash BLOB PRIMARY KEY NOT NULL,
    person_id BLOB NOT NULL REFERENCES person (id),
    team_id BLOB REFERENCES team (id),
    made_at BIGINT NOT NULL,
    last_used_at BIGINT,
    revoked_at BIGINT
);
CREATE INDEX calendar_feed_of ON calendar_feed (person_id);

-- Each change of a policy is a new row; runs name the one that they follow.
CREATE TABLE escalation_policy (
    id BLOB PRIMARY KEY NOT NULL,
    team_id BLOB NOT NULL REFERENCES team (id),
    version BIGINT NOT NULL,
    repeat_count BIGINT NOT NULL,
    ack_timeout_secs BIGINT,
    made_by BLOB REFERENCES person (id),
    made_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX escalation_policy_version ON escalation_policy (team_id, version);

CREATE TABLE escalation_target (
    policy_id BLOB NOT NULL REFERENCES escalation_policy (id),
    step BIGINT NOT NULL,
    position BIGINT NOT NULL,
    target TEXT NOT NULL,
    person_id BLOB REFERENCES person (id),
    delay_secs BIGINT NOT NULL,
    PRIMARY KEY (policy_id, step, position)
);

-- One incident's walk through a policy.
CREATE TABLE escalation_run (
    id BLOB PRIMARY KEY NOT NULL,
    ticket_id BLOB NOT NULL REFERENCES ticket (id),
    team_id BLOB NOT NULL REFERENCES team (id),
    policy_id BLOB NOT NULL REFERENCES escalation_policy (id),
    severity TEXT NOT NULL,
    state TEXT NOT NULL,
    round BIGINT NOT NULL,
    step BIGINT NOT NULL,
    next_at BIGINT,
    began_at BIGINT NOT NULL,
    ended_at BIGINT,
    version BIGINT NOT NULL
);
-- One walk at a time, whichever node began it.
CREATE UNIQUE INDEX escalation_run_live ON escalation_run (ticket_id) WHERE state <> 'stopped';
CREATE INDEX escalation_run_due ON escalation_run (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX escalation_run_of ON escalation_run (ticket_id, began_at);

-- A cache of its events, but for the first line of columns.
CREATE TABLE page (
    id BLOB PRIMARY KEY NOT NULL,
    run_id BLOB REFERENCES escalation_run (id),
    ticket_id BLOB REFERENCES ticket (id),
    kind TEXT NOT NULL,
    round BIGINT NOT NULL,
    step BIGINT NOT NULL,
    person_id BLOB NOT NULL REFERENCES person (id),
    severity TEXT,
    channels BIGINT NOT NULL,
    queued_at BIGINT NOT NULL,
    state TEXT NOT NULL,
    accepted_at BIGINT,
    acked_at BIGINT
);
-- A second logical page is impossible, from two nodes too.
CREATE UNIQUE INDEX page_once ON page (run_id, round, step, person_id) WHERE run_id IS NOT NULL;
CREATE INDEX page_person ON page (person_id, queued_at);
CREATE INDEX page_ticket ON page (ticket_id, queued_at) WHERE ticket_id IS NOT NULL;
CREATE INDEX page_newest ON page (queued_at, id);

-- Facts.
CREATE TABLE page_event (
    id BLOB PRIMARY KEY NOT NULL,
    page_id BLOB REFERENCES page (id),
    run_id BLOB REFERENCES escalation_run (id),
    ticket_id BLOB REFERENCES ticket (id),
    team_id BLOB REFERENCES team (id),
    person_id BLOB REFERENCES person (id),
    kind TEXT NOT NULL,
    reason TEXT,
    channel TEXT,
    door TEXT,
    detail TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX page_event_page ON page_event (page_id) WHERE page_id IS NOT NULL;
CREATE INDEX page_event_at ON page_event (at, id);
CREATE INDEX page_event_ticket ON page_event (ticket_id, at) WHERE ticket_id IS NOT NULL;

CREATE TABLE shift_fact (
    id BLOB PRIMARY KEY NOT NULL,
    team_id BLOB NOT NULL REFERENCES team (id),
    person_id BLOB REFERENCES person (id),
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    because TEXT NOT NULL,
    recorded_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX shift_fact_once ON shift_fact (team_id, starts_at, ends_at, person_id);
CREATE INDEX shift_fact_span ON shift_fact (ends_at);

CREATE TABLE work_fact (
    id BLOB PRIMARY KEY NOT NULL,
    page_id BLOB REFERENCES page (id),
    ticket_id BLOB NOT NULL REFERENCES ticket (id),
    person_id BLOB NOT NULL REFERENCES person (id),
    started_at BIGINT NOT NULL,
    ended_at BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL
);
CREATE INDEX work_fact_span ON work_fact (ended_at);
CREATE INDEX work_fact_ticket ON work_fact (ticket_id, person_id);

-- Facts that wait for their link; a job chains them, so that the chain never holds up a page.
CREATE TABLE unchained_fact (
    fact_id BLOB PRIMARY KEY NOT NULL,
    kind TEXT NOT NULL,
    recorded_at BIGINT NOT NULL
);

CREATE TABLE ledger_link (
    seq BIGINT PRIMARY KEY NOT NULL,
    kind TEXT NOT NULL,
    fact_id BLOB NOT NULL UNIQUE,
    canonical TEXT NOT NULL,
    hash TEXT NOT NULL,
    chained_at BIGINT NOT NULL
);

-- Guards.
CREATE TRIGGER page_event_no_update BEFORE UPDATE ON page_event BEGIN SELECT RAISE(ABORT, 'page_event is append-only'); END;
CREATE TRIGGER page_event_no_delete BEFORE DELETE ON page_event BEGIN SELECT RAISE(ABORT, 'page_event is append-only'); END;
CREATE TRIGGER shift_fact_no_update BEFORE UPDATE ON shift_fact BEGIN SELECT RAISE(ABORT, 'shift_fact is append-only'); END;
CREATE TRIGGER shift_fact_no_delete BEFORE DELETE ON shift_fact BEGIN SELECT RAISE(ABORT, 'shift_fact is append-only'); END;
CREATE TRIGGER work_fact_no_update BEFORE UPDATE ON work_fact BEGIN SELECT RAISE(ABORT, 'work_fact is append-only'); END;
CREATE TRIGGER work_fact_no_delete BEFORE DELETE ON work_fact BEGIN SELECT RAISE(ABORT, 'work_fact is append-only'); END;
CREATE TRIGGER ledger_link_no_update BEFORE UPDATE ON ledger_link BEGIN SELECT RAISE(ABORT, 'ledger_link is append-only'); END;
CREATE TRIGGER ledger_link_no_delete BEFORE DELETE ON ledger_link BEGIN SELECT RAISE(ABORT, 'ledger_link is append-only'); END;
CREATE TRIGGER escalation_policy_no_update BEFORE UPDATE ON escalation_policy BEGIN SELECT RAISE(ABORT, 'escalation_policy is append-only'); END;
CREATE TRIGGER escalation_policy_no_delete BEFORE DELETE ON escalation_policy BEGIN SELECT RAISE(ABORT, 'escalation_policy is append-only'); END;
CREATE TRIGGER escalation_target_no_update BEFORE UPDATE ON escalation_target BEGIN SELECT RAISE(ABORT, 'escalation_target is append-only'); END;
CREATE TRIGGER escalation_target_no_delete BEFORE DELETE ON escalation_target BEGIN SELECT RAISE(ABORT, 'escalation_target is append-only'); END;
