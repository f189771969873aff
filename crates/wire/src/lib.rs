//! AWS's wire protocols: bytes on one side, typed values checked against the service model on the other.
//!
//! A service model becomes constant [`Schema`]s and plain Rust structs (written by a generator with the macros
//! [`shape!`], [`string_enum!`] and [`union!`]). A type hands its members to an object-safe [`Reader`] or
//! [`Writer`]; each protocol is one such pair, so a shape needs no code per protocol. Constraints of the model
//! are checked while reading, in one place, and reported in AWS's own words.
//!
//! This crate knows no service and does no I/O.

pub mod cbor;
mod codec;
pub mod constraint;
mod container;
mod debug;
mod field;
pub mod json;
mod macros;
pub mod model;
pub mod query;
mod rest;
pub mod route;
pub mod schema;
pub mod sigv4;
mod text;
mod trail;
mod types;
pub mod xks;

pub use codec::{Answer, ErrorAnswer, Rejection, decode, decode_into, encode, encode_error};
pub use debug::debug;
pub use field::{
    Choice, Entries, Field, In, Items, Malformed, Operation, Out, Reader, Shape, Writer, read_enum,
};
pub use model::{AccessLevel, ErrorModel, OperationModel, Protocol, ServiceModel, ValidationStyle};
pub use schema::{Element, Kind, Location, Member, Pattern, Schema, TimestampFormat, XmlNamespace};
pub use trail::{HIDDEN, TRAIL_BYTES_MAX, is_access_key_id, trail_json};
pub use types::{Blob, Document, Timestamp, TimestampError, Unit};
