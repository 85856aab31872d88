//! The net of a task as it is written: a name with its sizes beside it, or a table of both.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Reads the name of a net whose sizes are keys of its task, with an error that says so.
pub(super) fn read<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Name::deserialize(deserializer).map(|name| name.0)
}

/// The same of a name that may be left out.
pub(super) fn read_some<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Option::<Name<T>>::deserialize(deserializer).map(|name| name.map(|name| name.0))
}

/// Reads a table with the name of a net and its sizes, with an error that shows the form.
pub(super) fn read_table<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    deserializer.deserialize_any(TableVisitor(PhantomData))
}

/// A net that is read from text alone.
struct Name<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Name<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NameVisitor(PhantomData))
    }
}

struct NameVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for NameVisitor<T> {
    type Value = Name<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the name of a net in quotes; sizes of the net are keys of the task beside it, such as \
             depth = 20 of resnet_cifar, which is 6n + 2, or factors = 8 of gmf",
        )
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Name<T>, E> {
        T::deserialize(StrDeserializer::new(name)).map(Name)
    }
}

struct TableVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for TableVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a table with the name of a net, and its sizes beside that, such as \
             { name = \"dcn_v2\", width = 16 }",
        )
    }

    fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(table))
    }
}
