//! A value of any schema, for tests that know their schemas only when they run.

use std::collections::BTreeMap;

use wire::{Blob, Choice, Document, Field, Kind, Malformed, Reader, Schema, Timestamp, Writer};

#[derive(Clone, Debug, Default)]
pub(crate) enum Value {
    #[default]
    Absent,
    Boolean(bool),
    Integer(i64),
    Double(f64),
    String(String),
    Blob(Vec<u8>),
    Timestamp(Timestamp),
    Document(Document),
    List(Vec<Value>),
    Map(BTreeMap<String, Value>),
    /// One value for each member of the schema.
    Structure(Vec<Value>),
    Union(usize, Box<Value>),
}

impl Field for Value {
    fn read(&mut self, reader: &mut dyn Reader, schema: &'static Schema) -> Result<(), Malformed> {
        fn typed<T: Field + Default>(
            reader: &mut dyn Reader,
            schema: &'static Schema,
        ) -> Result<T, Malformed> {
            let mut value = T::default();
            value.read(reader, schema)?;
            Ok(value)
        }
        *self = match schema.kind {
            Kind::Boolean => Value::Boolean(typed(reader, schema)?),
            Kind::Integer => Value::Integer(typed::<i32>(reader, schema)?.into()),
            Kind::Long => Value::Integer(typed(reader, schema)?),
            Kind::Float | Kind::Double => Value::Double(typed(reader, schema)?),
            Kind::String => Value::String(typed(reader, schema)?),
            Kind::Blob => Value::Blob(typed::<Blob>(reader, schema)?.into_vec()),
            Kind::Timestamp => Value::Timestamp(typed(reader, schema)?),
            Kind::Document => Value::Document(typed(reader, schema)?),
            Kind::List => Value::List(typed(reader, schema)?),
            Kind::Map => Value::Map(typed(reader, schema)?),
            Kind::Structure => {
                let mut fields = vec![Value::Absent; schema.members.len()];
                let mut slots: Vec<&mut dyn Field> =
                    fields.iter_mut().map(|field| field as &mut dyn Field).collect();
                reader.structure(schema, &mut slots)?;
                Value::Structure(fields)
            }
            Kind::Union => {
                reader.union(schema, self)?;
                return Ok(());
            }
        };
        Ok(())
    }

    fn write(&self, writer: &mut dyn Writer, schema: &'static Schema) {
        match self {
            Value::Absent => {}
            Value::Boolean(value) => value.write(writer, schema),
            Value::Integer(value) => value.write(writer, schema),
            Value::Double(value) => value.write(writer, schema),
            Value::String(value) => value.write(writer, schema),
            Value::Blob(value) => writer.blob(schema, value),
            Value::Timestamp(value) => value.write(writer, schema),
            Value::Document(value) => value.write(writer, schema),
            Value::List(value) => value.write(writer, schema),
            Value::Map(value) => value.write(writer, schema),
            Value::Structure(fields) => {
                let fields: Vec<&dyn Field> = fields.iter().map(|field| field as &dyn Field).collect();
                writer.structure(schema, &fields);
            }
            Value::Union(index, value) => writer.union(schema, *index, &**value),
        }
    }

    fn clear(&mut self) {
        *self = Value::Absent;
    }

    fn present(&self) -> bool {
        !matches!(self, Value::Absent)
    }
}

impl Choice for Value {
    fn choose(&mut self, index: usize) -> Option<&mut dyn Field> {
        *self = Value::Union(index, Box::default());
        match self {
            Value::Union(_, value) => Some(&mut **value),
            _ => None,
        }
    }
}
