//! How typed values meet codecs: [`Field`] on the side of the types, [`Reader`] and [`Writer`] on the side of the
//! protocols. All three are object safe, so that a shape is compiled once and not once a protocol.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use crate::{
    constraint::{self, Trace},
    model::{OperationModel, ServiceModel},
    schema::{Kind, Schema},
    types::{Blob, Document, Timestamp, Unit},
};

/// A value that can be read and written by every codec.
pub trait Field {
    /// Takes the value from `reader`, replacing what was there, and checks the constraints of `schema`.
    ///
    /// # Errors
    /// If the bytes are not of the schema's form. Broken constraints are no errors here: they are collected in
    /// [`Reader::trace`].
    fn read(&mut self, reader: &mut dyn Reader, schema: &'static Schema) -> Result<(), Malformed>;
    /// Hands the value to `writer`.
    fn write(&self, writer: &mut dyn Writer, schema: &'static Schema);
    /// Goes back to the default: no value.
    fn clear(&mut self);
    /// Whether there is a value to write.
    fn present(&self) -> bool {
        true
    }
}

/// A structure, union or [`Unit`] of a model.
pub trait Shape: Field + Default + Clone + fmt::Debug + Send + Sync + 'static {
    /// Its description.
    const SCHEMA: &'static Schema;
}

/// An operation whose types are generated.
pub trait Operation: Send + Sync + 'static {
    /// What callers send.
    type Input: Shape;
    /// What they get.
    type Output: Shape;
    /// The service that has it.
    const SERVICE: &'static ServiceModel;
    /// The operation's description.
    const MODEL: &'static OperationModel;
}

/// The input of an operation.
pub type In<Op> = <Op as Operation>::Input;

/// The output of an operation.
pub type Out<Op> = <Op as Operation>::Output;

/// The reading half of a protocol, placed before one value.
///
/// Methods take the value away. `null` is never handed to a field: the containers treat it as absence.
pub trait Reader {
    /// Where broken constraints are collected.
    fn trace(&mut self) -> &mut Trace;
    /// A boolean.
    fn boolean(&mut self, schema: &'static Schema) -> Result<bool, Malformed>;
    /// A whole number that fits the schema's kind.
    fn integer(&mut self, schema: &'static Schema) -> Result<i64, Malformed>;
    /// Any number.
    fn double(&mut self, schema: &'static Schema) -> Result<f64, Malformed>;
    /// Text.
    fn text(&mut self, schema: &'static Schema) -> Result<Cow<'_, str>, Malformed>;
    /// Bytes.
    fn blob(&mut self, schema: &'static Schema) -> Result<Blob, Malformed>;
    /// A point in time.
    fn timestamp(&mut self, schema: &'static Schema) -> Result<Timestamp, Malformed>;
    /// An open value.
    fn document(&mut self, schema: &'static Schema) -> Result<Document, Malformed>;
    /// The items of a list, each read into the next of `items`. Returns how many there were, stored or not.
    fn list(&mut self, schema: &'static Schema, items: &mut dyn Items) -> Result<usize, Malformed>;
    /// The entries of a map. Returns how many there were, stored or not.
    fn map(&mut self, schema: &'static Schema, entries: &mut dyn Entries) -> Result<usize, Malformed>;
    /// The members of a structure, each read into the slot at the index of the member in the schema.
    fn structure(&mut self, schema: &'static Schema, slots: &mut [&mut dyn Field]) -> Result<(), Malformed>;
    /// The one member of a union.
    fn union(&mut self, schema: &'static Schema, choice: &mut dyn Choice) -> Result<(), Malformed>;
}

/// The writing half of a protocol.
pub trait Writer {
    /// A boolean.
    fn boolean(&mut self, schema: &'static Schema, value: bool);
    /// A whole number.
    fn integer(&mut self, schema: &'static Schema, value: i64);
    /// Any number.
    fn double(&mut self, schema: &'static Schema, value: f64);
    /// Text.
    fn text(&mut self, schema: &'static Schema, value: &str);
    /// Bytes.
    fn blob(&mut self, schema: &'static Schema, value: &[u8]);
    /// A point in time.
    fn timestamp(&mut self, schema: &'static Schema, value: Timestamp);
    /// An open value.
    fn document(&mut self, schema: &'static Schema, value: &Document);
    /// A list of `count` items.
    fn list(&mut self, schema: &'static Schema, count: usize, items: &mut dyn Iterator<Item = &dyn Field>);
    /// A map of `count` entries.
    fn map(
        &mut self,
        schema: &'static Schema,
        count: usize,
        entries: &mut dyn Iterator<Item = (&str, &dyn Field)>,
    );
    /// A structure: its fields in the order of the schema's members.
    fn structure(&mut self, schema: &'static Schema, fields: &[&dyn Field]);
    /// A union with the member at `index` set to `value`.
    fn union(&mut self, schema: &'static Schema, index: usize, value: &dyn Field);
}

/// A list that is being read.
pub trait Items {
    /// Adds an item and lends it to be read.
    fn push(&mut self) -> Option<&mut dyn Field>;
}

/// A map that is being read.
pub trait Entries {
    /// Lends the entry `key` to be read: a new one, or the present one where a key comes again.
    fn entry(&mut self, key: String) -> &mut dyn Field;
}

/// A union that is being read.
pub trait Choice {
    /// Chooses the member at `index` of the schema and lends it to be read. `None`: there is no such member.
    fn choose(&mut self, index: usize) -> Option<&mut dyn Field>;
}

/// Bytes that are not what the protocol or the schema asks for, in words for the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed(pub Cow<'static, str>);

impl Malformed {
    /// A fixed text.
    pub const fn new(message: &'static str) -> Self {
        Malformed(Cow::Borrowed(message))
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Malformed {}

impl Field for bool {
    fn read(&mut self, reader: &mut dyn Reader, schema: &'static Schema) -> Result<(), Malformed> {
        *self = reader.boolean(schema)?;
        Ok(())
    }

    fn write(&self, writer: &mut dyn Writer, schema: &'static Schema) {
        writer.boolean(schema, *self);
    }

    fn clear(&mut self) {
        *self = false;
    }
}

impl Field for i32 {
    fn read(&mut self, reader: &mut dyn Reader, schema: &'static Schema) -> Result<(), Malformed> {
        let value = reader.integer(schema)?;
        constraint::range(reader.trace(), schema, value);
        *self = i32::try_from(value).map_err(|_| Malformed::new("number out of the range of an Integer"))?;
        Ok(())
    }

    fn write(&self, writer: &mut dyn Writer, schema: &'static Schema) {
        writer.integer(schema, i64::from(*self));
    }

    fn clear(&mut self) {
        *self = 0;
    }
}

impl Field for i64 {
    fn read(&mut self, reader: &mut dyn Reader, schema: &'static Schema) -> Result<(), Malformed> {
        *self = reader.integer(schema)?;
        constraint::range(reader.trace(), schema, *self);
        Ok(())
    }

    fn write(&self, writer: &mut dyn Writer, schema: &'static Schema) {
        writer.integer(schema, *self);
    }

    fn clear(&mut self) {
        *self = 0;
    }
}

impl Field for f64 {
    fn read(&mut self, reader: &mut dyn Reader, schema: &'static Schema) -> Result<(), Malformed> {
        *self = reader.double(schema)?;
        constraint::double_range(reader.trace(), schema, *self);
        Ok(())
    }

    fn write(&self, writer: &mut dyn Writer, schema: &'static Schema) {
        writer.double(schema, *self);
    }

    fn clear(&mut self) {
        *self = 0.0;
    }
}

impl Field for String {
    fn read(&mut self, reader: &mut dyn Reader, schema: &'static Schema) -> Result<(), Malformed> {
        *self = reader.text(schema)?.into_owned();
        constraint::text(reader.trace(), schema, self);
        Ok(())
    }

    fn write(&self, writer: &mut dyn Writer, schema: &'static Schema) {
        writer.text(schema, self);
    }

    fn clear(&mut self) {
        String::clear(self);
    }
}

impl Field for Blob {
    fn read(&mut self, reader: &mut dyn Reader, schema: &'static Schema) -> Result<(), Malformed> {
        *self = reader.blob(schema)?;
        constraint::blob(reader.trace(), schema, self);
        Ok(())
    }

    fn write(&self, writer: &mut dyn Writer, schema: &'static Schema) {
        writer.blob(schema, &self.0);
    }

    fn clear(&mut self) {
        *self = Blob::default();
    }
}

impl Field for Timestamp {
    fn read(&mut self, reader: &mut dyn Reader, schema: &'static Schema) -> Result<(), Malformed> {
        *self = reader.timestamp(schema)?;
        Ok(())
    }

    fn write(&self, writer: &mut dyn Writer, schema: &'static Schema) {
        writer.timestamp(schema, *self);
    }

    fn clear(&mut self) {
        *self = Timestamp::default();
    }
}

impl Field for Document {
    fn read(&mut self, reader: &mut dyn Reader, schema: &'static Schema) -> Result<(), Malformed> {
        *self = reader.document(schema)?;
        Ok(())
    }

    fn write(&self, writer: &mut dyn Writer, schema: &'static Schema) {
        writer.document(schema, self);
    }

    fn clear(&mut self) {
        *self = Document::Null;
    }
}

impl Field for Unit {
    fn read(&mut self, reader: &mut dyn Reader, schema: &'static Schema) -> Result<(), Malformed> {
        reader.structure(schema, &mut [])
    }

    fn write(&self, writer: &mut dyn Writer, schema: &'static Schema) {
        writer.structure(schema, &[]);
    }

    fn clear(&mut self) {}
}

static UNIT: Schema = Schema::structure("Unit", &[]);

impl Shape for Unit {
    const SCHEMA: &'static Schema = &UNIT;
}

impl<T: Field + Default> Field for Option<T> {
    fn read(&mut self, reader: &mut dyn Reader, schema: &'static Schema) -> Result<(), Malformed> {
        self.get_or_insert_with(T::default).read(reader, schema)
    }

    fn write(&self, writer: &mut dyn Writer, schema: &'static Schema) {
        if let Some(value) = self {
            value.write(writer, schema);
        }
    }

    fn clear(&mut self) {
        *self = None;
    }

    fn present(&self) -> bool {
        self.as_ref().is_some_and(T::present)
    }
}

impl<T: Field> Field for Box<T> {
    fn read(&mut self, reader: &mut dyn Reader, schema: &'static Schema) -> Result<(), Malformed> {
        (**self).read(reader, schema)
    }

    fn write(&self, writer: &mut dyn Writer, schema: &'static Schema) {
        (**self).write(writer, schema);
    }

    fn clear(&mut self) {
        (**self).clear();
    }

    fn present(&self) -> bool {
        (**self).present()
    }
}

impl<T: Field + Default> Items for Vec<T> {
    fn push(&mut self) -> Option<&mut dyn Field> {
        Vec::push(self, T::default());
        self.last_mut().map(|item| item as &mut dyn Field)
    }
}

impl<T: Field + Default> Field for Vec<T> {
    fn read(&mut self, reader: &mut dyn Reader, schema: &'static Schema) -> Result<(), Malformed> {
        Vec::clear(self);
        let count = reader.list(schema, self)?;
        constraint::size(reader.trace(), schema, count, self);
        Ok(())
    }

    fn write(&self, writer: &mut dyn Writer, schema: &'static Schema) {
        writer.list(schema, self.len(), &mut self.iter().map(|item| item as &dyn Field));
    }

    fn clear(&mut self) {
        Vec::clear(self);
    }
}

impl<T: Field + Default> Entries for BTreeMap<String, T> {
    fn entry(&mut self, key: String) -> &mut dyn Field {
        BTreeMap::entry(self, key).or_default()
    }
}

impl<T: Field + Default> Field for BTreeMap<String, T> {
    fn read(&mut self, reader: &mut dyn Reader, schema: &'static Schema) -> Result<(), Malformed> {
        BTreeMap::clear(self);
        let mark = reader.trace().mark();
        let count = reader.map(schema, self)?;
        constraint::size(reader.trace(), schema, count, self);
        constraint::entries(reader.trace(), mark, schema, self);
        Ok(())
    }

    fn write(&self, writer: &mut dyn Writer, schema: &'static Schema) {
        let mut entries = self.iter().map(|(key, value)| (key.as_str(), value as &dyn Field));
        writer.map(schema, self.len(), &mut entries);
    }

    fn clear(&mut self) {
        BTreeMap::clear(self);
    }
}

/// Reads one of the schema's [`values`](Schema::values) and says which. `None`: another text, which is recorded as
/// a broken constraint.
pub fn read_enum(reader: &mut dyn Reader, schema: &'static Schema) -> Result<Option<usize>, Malformed> {
    let text = reader.text(schema)?;
    let found = schema.values.iter().position(|value| *value == text);
    if found.is_none() {
        let text = text.into_owned();
        constraint::not_in_set(reader.trace(), schema, &text);
    }
    Ok(found)
}

/// Whether a number of `kind` may be `value`.
pub(crate) fn fits(kind: Kind, value: i64) -> bool {
    kind != Kind::Integer || i32::try_from(value).is_ok()
}
