//! The words generated files are written in.

/// A [`Pattern`](crate::Pattern) of a model, compiled when first used.
///
/// ```
/// use wire::{Kind, Schema};
/// pub static ALIAS_NAME: Schema = Schema::new("AliasName", Kind::String).min(1).max(256).pattern(wire::pattern!("[a-zA-Z0-9:/_-]+"));
/// ```
#[macro_export]
macro_rules! pattern {
    ($source:literal) => {{
        static PATTERN: $crate::Pattern = $crate::Pattern::new($source);
        &PATTERN
    }};
}

/// Structures of a model: Rust name, schema name, model name, then the members. `*` marks a required member, `?` an
/// optional one (an `Option` in Rust); what follows the member's schema are methods of [`Member`](crate::Member).
///
/// ```
/// use wire::{Kind, Schema};
/// static STRING: Schema = Schema::new("String", Kind::String);
/// static NODE_LIST: Schema = Schema::list("NodeList", &NODE);
/// wire::shape! { Node: NODE "Node" {
///     * name: String = "Name", STRING;
///     ? note: String = "Note", STRING .header("x-note");
///     ? nodes: Vec<Node> = "Nodes", NODE_LIST;
/// } }
/// let node = Node { name: "a".into(), ..Node::default() };
/// assert_eq!(format!("{node:?}"), r#"Node { Name: "a" }"#);
/// ```
#[macro_export]
macro_rules! shape {
    ($(#[$attribute:meta])* $type:ident: $schema:ident $name:literal {
        $($mark:tt $field:ident: $of:ty = $member:literal, $of_schema:ident $(.$method:ident($($argument:expr),*))*;)*
    }) => {
        #[doc = concat!("Structure `", $name, "` of the model.")]
        $(#[$attribute])*
        #[derive(Clone, Default)]
        pub struct $type {
            $(
                #[doc = concat!("Member `", $member, "`.")]
                pub $field: $crate::member_type!($mark $of),
            )*
        }

        #[doc = concat!("Schema of `", $name, "`.")]
        pub static $schema: $crate::Schema = $crate::Schema::structure($name, &[
            $($crate::Member::new($member, &$of_schema).required($crate::member_required!($mark))$(.$method($($argument),*))*,)*
        ]);

        impl $crate::Field for $type {
            fn read(
                &mut self,
                reader: &mut dyn $crate::Reader,
                schema: &'static $crate::Schema,
            ) -> ::std::result::Result<(), $crate::Malformed> {
                reader.structure(schema, &mut [$(&mut self.$field),*])
            }

            fn write(&self, writer: &mut dyn $crate::Writer, schema: &'static $crate::Schema) {
                writer.structure(schema, &[$(&self.$field),*]);
            }

            fn clear(&mut self) {
                *self = Self::default();
            }
        }

        $crate::shape_of!($type, $schema);
    };
}

/// A union of a model: `variant(type) = "member", SCHEMA;` for each of its members.
///
/// The Rust enum has one more variant, `Unset`, its default: it is never decoded and is written as nothing.
#[macro_export]
macro_rules! union {
    ($(#[$attribute:meta])* $type:ident: $schema:ident $name:literal {
        $($variant:ident($of:ty) = $member:literal, $of_schema:ident $(.$method:ident($($argument:expr),*))*;)+
    }) => {
        #[doc = concat!("Union `", $name, "` of the model.")]
        $(#[$attribute])*
        #[derive(Clone, Default)]
        pub enum $type {
            /// No member: never decoded, not written.
            #[default]
            Unset,
            $(
                #[doc = concat!("Member `", $member, "`.")]
                $variant($of),
            )+
        }

        #[doc = concat!("Schema of `", $name, "`.")]
        pub static $schema: $crate::Schema = $crate::Schema::union($name, &[
            $($crate::Member::new($member, &$of_schema)$(.$method($($argument),*))*,)+
        ]);

        impl $crate::Choice for $type {
            fn choose(&mut self, index: usize) -> ::std::option::Option<&mut dyn $crate::Field> {
                const MAKE: &[fn() -> $type] = &[$(|| $type::$variant(::std::default::Default::default())),+];
                *self = MAKE.get(index)?();
                match self {
                    $type::Unset => None,
                    $($type::$variant(value) => Some(value),)+
                }
            }
        }

        impl $crate::Field for $type {
            fn read(
                &mut self,
                reader: &mut dyn $crate::Reader,
                schema: &'static $crate::Schema,
            ) -> ::std::result::Result<(), $crate::Malformed> {
                reader.union(schema, self)
            }

            fn write(&self, writer: &mut dyn $crate::Writer, schema: &'static $crate::Schema) {
                #[derive(Clone, Copy)]
                enum Index { $($variant),+ }
                match self {
                    $type::Unset => {}
                    $($type::$variant(value) => writer.union(schema, Index::$variant as usize, value),)+
                }
            }

            fn clear(&mut self) {
                *self = Self::Unset;
            }

            fn present(&self) -> bool {
                !matches!(self, Self::Unset)
            }
        }

        $crate::shape_of!($type, $schema);
    };
}

/// An enum of strings of a model: `Variant = "value"` for each value, the default first.
#[macro_export]
macro_rules! string_enum {
    ($(#[$attribute:meta])* $type:ident: $schema:ident $name:literal {
        $first:ident = $first_value:literal $(, $variant:ident = $value:literal)* $(,)?
    }) => {
        #[doc = concat!("Enum `", $name, "` of the model.")]
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $type {
            #[doc = concat!("`", $first_value, "`.")]
            #[default]
            $first,
            $(
                #[doc = concat!("`", $value, "`.")]
                $variant,
            )*
        }

        #[doc = concat!("Schema of `", $name, "`.")]
        pub static $schema: $crate::Schema = $crate::Schema::string_enum($name, &[$first_value $(, $value)*]);

        impl $type {
            /// All values, in the order of the model.
            pub const ALL: &'static [$type] = &[$type::$first $(, $type::$variant)*];

            /// The value on the wire.
            pub fn as_str(self) -> &'static str {
                match self {
                    $type::$first => $first_value,
                    $($type::$variant => $value,)*
                }
            }

            /// The value whose text on the wire is `text`.
            pub fn from_wire(text: &str) -> ::std::option::Option<Self> {
                match text {
                    $first_value => Some($type::$first),
                    $($value => Some($type::$variant),)*
                    _ => None,
                }
            }
        }

        impl ::std::fmt::Display for $type {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::Field for $type {
            fn read(
                &mut self,
                reader: &mut dyn $crate::Reader,
                schema: &'static $crate::Schema,
            ) -> ::std::result::Result<(), $crate::Malformed> {
                let index = $crate::read_enum(reader, schema)?;
                *self = index.and_then(|index| Self::ALL.get(index).copied()).unwrap_or_default();
                Ok(())
            }

            fn write(&self, writer: &mut dyn $crate::Writer, schema: &'static $crate::Schema) {
                writer.text(schema, self.as_str());
            }

            fn clear(&mut self) {
                *self = Self::default();
            }
        }
    };
}

/// The module `ops`: one type for each generated operation of the service `MODEL`. [`Unit`](crate::Unit) stands where an operation
/// has no input or output.
///
/// ```
/// use wire::{Operation, OperationModel, Unit};
/// # static MODEL: wire::ServiceModel = wire::ServiceModel {
/// #     name: "demo", service_id: "Demo", endpoint_prefix: "demo", signing_name: "demo", api_version: "2026-12-01",
/// #     target_prefix: None, protocols: &[wire::Protocol::RestJson], xml_namespace: None, global: false,
/// #     validation: wire::ValidationStyle::Json, query_compatible: false, errors: &[], operations: &[PING],
/// # };
/// wire::shape! { PingRequest: PING_REQUEST "PingRequest" {} }
/// const PING: OperationModel = OperationModel::new("Ping").input(&PING_REQUEST);
/// wire::operations! {
///     Ping: PingRequest => Unit = PING;
/// }
/// fn main() {
///     assert_eq!((ops::Ping::SERVICE.name, ops::Ping::MODEL.name), ("demo", "Ping"));
/// }
/// ```
#[macro_export]
macro_rules! operations {
    ($($type:ident: $input:ty => $output:ty = $model:ident;)*) => {
        /// Operations whose types are generated.
        pub mod ops {
            use super::*;

            $(
                #[doc = concat!("Operation `", stringify!($type), "`.")]
                #[derive(Clone, Copy, Debug)]
                pub struct $type;

                impl $crate::Operation for $type {
                    type Input = $input;
                    type Output = $output;
                    const SERVICE: &'static $crate::ServiceModel = &super::MODEL;
                    const MODEL: &'static $crate::OperationModel = &super::$model;
                }
            )*
        }
    };
}

/// `Debug` through the schema, and [`Shape`](crate::Shape).
#[doc(hidden)]
#[macro_export]
macro_rules! shape_of {
    ($type:ident, $schema:ident) => {
        impl ::std::fmt::Debug for $type {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                $crate::debug(self, &$schema, f)
            }
        }

        impl $crate::Shape for $type {
            const SCHEMA: &'static $crate::Schema = &$schema;
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! member_type {
    (* $type:ty) => { $type };
    (? $type:ty) => { ::std::option::Option<$type> };
}

#[doc(hidden)]
#[macro_export]
macro_rules! member_required {
    (*) => {
        true
    };
    (?) => {
        false
    };
}
