//! The engine as a whole, compared with python-dateutil and with itself.

mod properties;
mod reference;
mod zones;
