//! Scripts for `pgbench` of what was captured: parameters become literals of their types, and what Almanac makes anew
//! for each request, such as ids, is made anew for each transaction.

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};
use tokio_postgres::types::Type;

use crate::capture::Sent;

/// How `pgbench` sends a transaction's statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sending {
    /// All in one round trip.
    Pipelined,
    /// A round trip each.
    OneByOne,
}

/// A transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Script {
    statements: Vec<String>,
    /// How many values of its statements are made anew.
    fresh: usize,
}

impl Sending {
    pub(crate) const ALL: [Self; 2] = [Self::Pipelined, Self::OneByOne];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pipelined => "pipelined",
            Self::OneByOne => "one-by-one",
        }
    }
}

impl Script {
    /// Whether these are the same statements.
    pub(crate) fn is_same(first: &[Sent], second: &[Sent]) -> bool {
        first.iter().map(|sent| &sent.sql).eq(second.iter().map(|sent| &sent.sql))
    }

    /// What was sent for the same request twice. The parameters that differ are those that are made anew.
    pub(crate) async fn of(types: &mut Types, first: &[Sent], second: &[Sent]) -> Result<Self> {
        ensure!(Self::is_same(first, second), "the same request sent other statements: {first:#?} {second:#?}");
        let mut anew: Vec<(&str, &str)> = vec![];
        let mut statements = vec![];
        for (one, other) in first.iter().zip(second) {
            let mut written = vec![];
            for ((one, other), kind) in one.parameters.iter().zip(&other.parameters).zip(types.of(one).await?) {
                written.push(match (one, other) {
                    _ if one == other => literal(one.as_deref(), kind.name()),
                    (Some(one), Some(other)) => fresh(&mut anew, (one, other), kind)?,
                    _ => bail!("a parameter is null at times: {one:?}, {other:?}"),
                });
            }
            let sql = fill_in(&one.sql, &written)?;
            statements.push(sql);
        }
        Ok(Self { statements, fresh: anew.len() })
    }

    /// The script.
    pub(crate) fn text(&self, sending: Sending) -> String {
        let mut lines: Vec<String> =
            (0..self.fresh).map(|place| format!("\\set fresh{place} random(0, {RANDOM_MAX})")).collect();
        let statements = self.statements.iter().map(|sql| format!("{sql};"));
        match sending {
            Sending::OneByOne => lines.extend(statements),
            Sending::Pipelined => {
                lines.push("\\startpipeline".to_owned());
                lines.extend(statements);
                lines.push("\\endpipeline".to_owned());
            }
        }
        lines.join("\n") + "\n"
    }
}

/// The types of statements' parameters, as the database finds them.
pub(crate) struct Types {
    client: tokio_postgres::Client,
    known: HashMap<String, Vec<Type>>,
}

impl Types {
    pub(crate) fn new(client: tokio_postgres::Client) -> Self {
        Self { client, known: HashMap::new() }
    }

    async fn of(&mut self, sent: &Sent) -> Result<&[Type]> {
        if !self.known.contains_key(&sent.sql) {
            let found = if sent.parameters.is_empty() {
                vec![]
            } else {
                let prepared = self.client.prepare(&sent.sql).await;
                prepared.with_context(|| format!("no types for {}", sent.sql))?.params().to_vec()
            };
            ensure!(found.len() == sent.parameters.len(), "other parameters than logged in {}", sent.sql);
            self.known.insert(sent.sql.clone(), found);
        }
        Ok(&self.known[&sent.sql])
    }
}

/// 60 bits, which are 15 digits.
const RANDOM_MAX: u64 = (1 << 60) - 1;

/// An expression for a value that is another one each time. An id is as Almanac makes them: by time, then by chance.
fn fresh<'a>(anew: &mut Vec<(&'a str, &'a str)>, values: (&'a str, &'a str), kind: &Type) -> Result<String> {
    if *kind == Type::TIMESTAMPTZ {
        return Ok("now()".to_owned());
    }
    let known = [Type::UUID, Type::TEXT].contains(kind) && is_id(values.0) && is_id(values.1);
    ensure!(known, "nobody knows how {values:?} is made");
    let place = anew.iter().position(|seen| *seen == values).unwrap_or_else(|| {
        anew.push(values);
        anew.len() - 1
    });
    let time = "lpad(to_hex((extract(epoch from now()) * 1000)::bigint), 12, '0')";
    let id = format!("({time} || '7000a' || lpad(to_hex(:fresh{place}::bigint), 15, '0'))::uuid");
    Ok(if *kind == Type::TEXT { format!("{id}::text") } else { id })
}

fn is_id(text: &str) -> bool {
    let is_digit = |(place, byte): (usize, u8)| match place {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    text.len() == 36 && text.bytes().enumerate().all(is_digit)
}

fn literal(value: Option<&str>, kind: &str) -> String {
    let Some(value) = value else { return format!("null::{kind}") };
    let escaped = value.replace('\'', "''");
    if !value.contains('\\') && !names_variable(value) {
        return format!("'{escaped}'::{kind}");
    }
    // `pgbench` would take `:word` for a variable, wherever it stands.
    format!("E'{}'::{kind}", escaped.replace('\\', "\\\\").replace(':', "\\x3A"))
}

/// Whether `pgbench` sees a variable in this text.
fn names_variable(text: &str) -> bool {
    let starts_name = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || !byte.is_ascii();
    let bytes = text.as_bytes();
    (1..bytes.len())
        .any(|place| bytes[place - 1] == b':' && starts_name(bytes[place]) && (place < 2 || bytes[place - 2] != b':'))
}

/// Puts values in the place of `$1` and so on, but not within quotes.
fn fill_in(sql: &str, values: &[String]) -> Result<String> {
    ensure!(!names_variable(sql), "pgbench would take a part of this for a variable: {sql}");
    let mut text = String::new();
    let mut is_quoted = false;
    let mut rest = sql;
    while let Some(place) = rest.find(['\'', '$']) {
        text.push_str(&rest[..place]);
        let (mark, after) = rest[place..].split_at(1);
        let len = after.bytes().take_while(u8::is_ascii_digit).count();
        rest = after;
        if mark == "'" {
            is_quoted = !is_quoted;
            text.push('\'');
        } else if is_quoted || len == 0 {
            text.push('$');
        } else {
            let number: usize = after[..len].parse()?;
            let value = number.checked_sub(1).and_then(|index| values.get(index));
            text.push_str(value.with_context(|| format!("no parameter {number} for {sql}"))?);
            rest = &after[len..];
        }
    }
    text.push_str(rest);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_become_literals() {
        let values = ["a".to_owned(), "b".to_owned()];
        for (sql, expected) in [
            ("select $1, '$2', $2::int", "select a, '$2', b::int"),
            ("select 'it''s $1', $1", "select 'it''s $1', a"),
            ("select $2$1", "select ba"),
        ] {
            assert_eq!(fill_in(sql, &values).expect("fills in"), expected);
        }
        assert!(fill_in("select $3", &values).is_err());
        assert!(fill_in("select 'a:b'", &values).is_err());
    }

    #[test]
    fn literals_are_nothing_else() {
        for (value, expected) in [
            (None, "null::text"),
            (Some("it's 08:30"), "'it''s 08:30'::text"),
            (Some(r#"{"a":null,"b\n":1}"#), r#"E'{"a"\x3Anull,"b\\n"\x3A1}'::text"#),
        ] {
            assert_eq!(literal(value, "text"), expected);
        }
    }

    #[test]
    fn an_id_is_fresh_and_the_same_throughout() {
        let (a, b) = ("0199a2b4-0000-7000-a000-000000000001", "0199a2b4-0000-7000-a000-000000000002");
        let mut anew = vec![];
        let id = fresh(&mut anew, (a, b), &Type::UUID).expect("makes an id");
        assert_eq!(fresh(&mut anew, (a, b), &Type::TEXT).expect("makes a text"), format!("{id}::text"));
        assert!(fresh(&mut anew, (b, a), &Type::UUID).expect("makes an id").contains(":fresh1"));
        assert!(fresh(&mut anew, ("1", "2"), &Type::INT8).is_err());
    }
}
