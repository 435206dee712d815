//! What a signed-in user may do with each table: the expectation that the database is held to.

/// What a user may do with the rows that are theirs. With other rows nobody may do anything.
pub(crate) struct Rule {
    pub(crate) table: &'static str,
    /// The column that names the owner.
    pub(crate) owner: Option<&'static str>,
    pub(crate) may_select: bool,
    pub(crate) may_insert: bool,
    pub(crate) may_update: Columns,
    pub(crate) may_delete: bool,
    /// Makes a row of user `$1`, with `$2` as its id where it has one of its own. The conversation that everybody
    /// begins with has its owner's id.
    pub(crate) insert: &'static str,
}

/// The columns that may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Columns {
    None,
    All,
    Only(&'static [&'static str]),
}

impl Columns {
    pub(crate) fn contains(self, column: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Only(columns) => columns.contains(&column),
        }
    }
}

impl Rule {
    /// Whether a user may do anything at all.
    pub(crate) fn is_open(&self) -> bool {
        self.may_select || self.may_insert || self.may_update != Columns::None || self.may_delete
    }
}

/// The rows are not for users at all.
const CLOSED: Rule = Rule {
    table: "",
    owner: Some("user_id"),
    may_select: false,
    may_insert: false,
    may_update: Columns::None,
    may_delete: false,
    insert: "",
};

/// The rows are the user's, to do with as they like.
const OPEN: Rule = Rule { may_select: true, may_insert: true, may_update: Columns::All, may_delete: true, ..CLOSED };

/// Every table, in an order that its references allow.
pub(crate) const RULES: [Rule; 21] = [
    Rule {
        table: "users",
        owner: Some("id"),
        may_select: true,
        may_update: Columns::Only(&["full_name", "preferences", "updated_at"]),
        insert: "insert into users (id) values ($1)",
        ..CLOSED
    },
    Rule {
        table: "identities",
        may_select: true,
        insert: "insert into identities (issuer, subject, user_id) values ('https://issuer.test', $2::text, $1)",
        ..CLOSED
    },
    Rule {
        table: "deleted_identities",
        owner: None,
        insert: "insert into deleted_identities (identity_hash) values (sha256(convert_to($2::text, 'UTF8')))",
        ..CLOSED
    },
    Rule {
        table: "credentials",
        insert: "insert into credentials (user_id, email_key, password_hash) values ($1, $2::text, 'hash')",
        ..CLOSED
    },
    Rule {
        table: "sessions",
        insert: "insert into sessions (id, user_id, rotated_at, created_at, expires_at) values ($2, $1, now(), now(), now())",
        ..CLOSED
    },
    Rule {
        table: "idempotency_keys",
        insert: r"insert into idempotency_keys (user_id, key, fingerprint) values ($1, $2::text, '\x00')",
        ..OPEN
    },
    Rule {
        table: "change_counters",
        insert: "insert into change_counters (user_id, seq) select $1, 1 where $2::uuid is not null",
        ..CLOSED
    },
    Rule {
        table: "changes",
        may_select: true,
        insert:
            "insert into changes (user_id, seq, entity, entity_id, operation, after, actor, action_group, changed_at)
                 values ($1, 1, 'task', $2, 'insert', '{}', 'user', $2, now())",
        ..CLOSED
    },
    Rule {
        table: "outbox",
        may_insert: true,
        insert: "insert into outbox (user_id, kind) select $1, 'test' where $2::uuid is not null",
        ..CLOSED
    },
    Rule {
        table: "outbox_lanes",
        // The person has an entry, so there is a lane.
        insert: "insert into outbox_lanes (user_id, due_at) select $1, now() where $2::uuid is not null
                 on conflict (user_id) do update set due_at = excluded.due_at",
        ..CLOSED
    },
    Rule {
        table: "conversations",
        insert: "insert into conversations (id, user_id, title, created_at, updated_at) values ($2, $1, 'secret', now(), now())",
        ..OPEN
    },
    Rule {
        table: "messages",
        insert: "insert into messages (id, conversation_id, user_id, role, content, model, created_at, updated_at)
                 values ($2, $1, $1, 'user', 'secret', 'local/demo', now(), now())",
        ..OPEN
    },
    Rule {
        table: "conversation_shares",
        insert: "insert into conversation_shares
                     (id, user_id, conversation_id, until_message_id, title, token_hash, created_at)
                 values ($2, $1, $1, $1, 'secret', sha256($2::text::bytea), now())",
        ..OPEN
    },
    Rule {
        table: "goals",
        insert: "insert into goals (id, user_id, title, timeframe, starts_on, created_at, updated_at)
                 values ($2, $1, 'secret', 'week', '2026-11-16', now(), now())",
        ..OPEN
    },
    Rule {
        table: "reflections",
        insert:
            "insert into reflections (id, user_id, reflection_type, starts_on, ends_on, content, created_at, updated_at)
                 values ($2, $1, 'daily', '2026-11-21', '2026-11-21', 'secret', now(), now())",
        ..OPEN
    },
    Rule {
        table: "tasks",
        insert: "insert into tasks (id, user_id, title, created_at, updated_at) values ($2, $1, 'secret', now(), now())",
        ..OPEN
    },
    Rule {
        table: "recurrences",
        insert: "with task as (insert into tasks (id, user_id, title, created_at, updated_at)
                     select $2, $1, 'secret', now(), now() where coalesce(auth.uid() = $1, true) on conflict do nothing)
                 insert into recurrences (id, user_id, task_id, rule, start, time_zone, all_day, counts_from,
                     missed_policy, auto_reschedule, since, created_at, updated_at)
                 values ($2, $1, $2, 'FREQ=DAILY', '2026-11-21', 'UTC', true, 'schedule', 'all', true, '2026-11-21',
                         now(), now())",
        ..OPEN
    },
    Rule {
        table: "occurrences",
        insert: "with task as (insert into tasks (id, user_id, title, created_at, updated_at)
                     select $2, $1, 'secret', now(), now() where coalesce(auth.uid() = $1, true) on conflict do nothing)
                 insert into occurrences (id, user_id, task_id, original_start, due_date, starts_at, title, created_at,
                     updated_at)
                 values ($2, $1, $2, '2026-11-21', '2026-11-21', now(), 'secret', now(), now())",
        ..OPEN
    },
    Rule {
        table: "notes",
        insert: "insert into notes (id, user_id, title, created_at, updated_at) values ($2, $1, 'secret', now(), now())",
        ..OPEN
    },
    Rule {
        table: "consents",
        may_select: true,
        may_insert: true,
        insert: "insert into consents (id, user_id, purpose, version, granted, decided_at)
                 values ($2, $1, 'terms', '1', true, now())",
        ..CLOSED
    },
    Rule {
        table: "erasures",
        insert: "insert into erasures (id, user_id, token_hash, requested_at)
                 values ($2, $1, sha256(convert_to($2::text, 'UTF8')), now())",
        ..CLOSED
    },
];

/// The rule of a table. A table without one is a mistake that the tests report.
pub(crate) fn rule_of(table: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.table == table)
}
