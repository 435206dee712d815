//! Statement parameters with their types, so that a statement needs no round trip to be prepared.
//!
//! Transaction poolers need this too: a named statement may meet another connection.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

/// A Rust type and the one PostgreSQL type it is sent as.
pub trait Param: ToSql + Sync + Sized {
    /// The type in the statement.
    const TYPE: Type;
}

macro_rules! params_as {
    ($($rust:ty => $sql:ident),* $(,)?) => {
        $(impl Param for $rust { const TYPE: Type = Type::$sql; })*
    };
}

params_as! {
    bool => BOOL,
    i16 => INT2,
    i32 => INT4,
    i64 => INT8,
    f64 => FLOAT8,
    &str => TEXT,
    String => TEXT,
    Uuid => UUID,
    Timestamp => TIMESTAMPTZ,
    Date => DATE,
    Time => TIME,
    DateTime => TIMESTAMP,
    serde_json::Value => JSONB,
    &[u8] => BYTEA,
    Vec<u8> => BYTEA,
    Vec<Uuid> => UUID_ARRAY,
    Vec<String> => TEXT_ARRAY,
    Vec<Date> => DATE_ARRAY,
    Vec<DateTime> => TIMESTAMP_ARRAY,
    Vec<Option<Time>> => TIME_ARRAY,
    Vec<Timestamp> => TIMESTAMPTZ_ARRAY,
}

impl<T: Param> Param for Option<T> {
    const TYPE: Type = T::TYPE;
}

impl<T: Param> Param for &T {
    const TYPE: Type = T::TYPE;
}

/// One parameter as the driver takes it. [`crate::params!`] calls this.
pub fn typed<T: Param>(value: &T) -> (&(dyn ToSql + Sync), Type) {
    (value, T::TYPE)
}

/// The parameters of a statement: `params![user_id, title]`.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { &[$($crate::db::typed(&$value)),*] };
}
