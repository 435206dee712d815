//! A statement put together of fixed pieces, so that what is not asked for is not in it: plans are made for what is.

use base::db::Param;
use tokio_postgres::types::{ToSql, Type};

/// SQL, and its parameters in order.
pub(super) struct Statement<'a> {
    sql: String,
    params: Vec<(&'a (dyn ToSql + Sync), Type)>,
}

impl<'a> Statement<'a> {
    /// Begins with a piece that has a parameter at its end.
    pub(super) fn new<T: Param>(piece: &str, value: &'a T) -> Self {
        let mut statement = Self { sql: String::with_capacity(512), params: Vec::with_capacity(8) };
        statement.bind(piece, value);
        statement
    }

    /// Adds a piece.
    pub(super) fn push(&mut self, piece: &str) {
        self.sql.push_str(piece);
    }

    /// Adds a piece and a parameter behind it.
    pub(super) fn bind<T: Param>(&mut self, piece: &str, value: &'a T) {
        self.params.push(base::db::typed(value));
        self.sql.push_str(piece);
        self.sql.push('$');
        self.sql.push_str(&self.params.len().to_string());
    }

    /// Adds a piece and its parameter where there is one.
    pub(super) fn bind_some<T: Param>(&mut self, piece: &str, value: Option<&'a T>) {
        if let Some(value) = value {
            self.bind(piece, value);
        }
    }

    /// The text and the parameters, as a transaction takes them.
    pub(super) fn parts(&self) -> (&str, &[(&'a (dyn ToSql + Sync), Type)]) {
        (&self.sql, &self.params)
    }
}
