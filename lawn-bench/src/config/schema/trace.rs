//! The JSON Schema of a type, found out by watching how it is read.
//!
//! A type's `Deserialize` asks for what it wants: a struct with these fields, a
//! number, one of these words. [`schema_of`] answers with values that fit, and
//! notes what was asked, so that the schema cannot differ from what is read.

use std::cell::RefCell;

use serde::de::value::{BorrowedStrDeserializer, Error};
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor,
};
use serde_json::{Map, Value, json};

use super::docs;

/// The schema of what `T` is read from, with the fields that it cannot do without.
pub(super) fn schema_of<T: serde::de::DeserializeOwned>() -> Value {
    let mut schema = Value::Null;
    for answer in Answer::ALL {
        let note = RefCell::new(Value::Null);
        // What is read is of no interest, only what was asked.
        let _ = T::deserialize(Tracer::new(&note, answer));
        merge(&mut schema, note.into_inner());
    }
    let fields = schema["properties"].as_object();
    let fields: Vec<String> = fields.into_iter().flat_map(Map::keys).cloned().collect();
    let required = fields.into_iter().filter(|field| {
        let said = format!("missing field `{field}`");
        Answer::ALL.into_iter().any(|answer| {
            let note = RefCell::new(Value::Null);
            let without = Tracer {
                left_out: Some(field),
                ..Tracer::new(&note, answer)
            };
            T::deserialize(without).is_err_and(|error| error.to_string() == said)
        })
    });
    let required: Vec<Value> = required.map(Value::from).collect();
    if !required.is_empty() {
        schema["required"] = required.into();
    }
    schema
}

/// Adds the properties of `more`, which an answer that does not fit may have cut short.
fn merge(schema: &mut Value, more: Value) {
    match (schema, more) {
        (Value::Object(schema), Value::Object(more)) => {
            for (key, value) in more {
                merge(schema.entry(key).or_insert(Value::Null), value);
            }
        }
        (schema @ Value::Null, more) => *schema = more,
        _ => {}
    }
}

/// What a reader that takes several kinds of value is given.
#[derive(Clone, Copy)]
enum Answer {
    Word,
    List,
}

impl Answer {
    const ALL: [Self; 2] = [Self::Word, Self::List];
}

/// Answers what is asked, and notes it.
#[derive(Clone, Copy)]
struct Tracer<'n> {
    note: &'n RefCell<Value>,
    answer: Answer,
    /// A field of the outermost struct that is not given.
    left_out: Option<&'n str>,
}

impl<'n> Tracer<'n> {
    fn new(note: &'n RefCell<Value>, answer: Answer) -> Self {
        Self {
            note,
            answer,
            left_out: None,
        }
    }

    fn note(&self, schema: Value) {
        *self.note.borrow_mut() = schema;
    }
}

/// The struct that toml reads a value with its place as.
fn is_spanned(fields: &[&str]) -> bool {
    fields.len() == 3
        && fields
            .iter()
            .all(|field| field.starts_with("$__serde_spanned"))
}

macro_rules! numbers {
    ($($method:ident $visit:ident $value:expr, $schema:expr;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.note($schema);
            visitor.$visit($value)
        }
    )*};
}

impl<'de> Deserializer<'de> for Tracer<'_> {
    type Error = Error;

    numbers! {
        deserialize_bool visit_bool false, json!({ "type": "boolean" });
        deserialize_i8 visit_i8 1, json!({ "type": "integer" });
        deserialize_i16 visit_i16 1, json!({ "type": "integer" });
        deserialize_i32 visit_i32 1, json!({ "type": "integer" });
        deserialize_i64 visit_i64 1, json!({ "type": "integer" });
        deserialize_u8 visit_u8 1, json!({ "type": "integer", "minimum": 0 });
        deserialize_u16 visit_u16 1, json!({ "type": "integer", "minimum": 0 });
        deserialize_u32 visit_u32 1, json!({ "type": "integer", "minimum": 0 });
        deserialize_u64 visit_u64 1, json!({ "type": "integer", "minimum": 0 });
        deserialize_f32 visit_f32 0.5, json!({ "type": "number" });
        deserialize_f64 visit_f64 0.5, json!({ "type": "number" });
        deserialize_char visit_char 'a', json!({ "type": "string" });
        deserialize_str visit_str "a", json!({ "type": "string" });
        deserialize_string visit_str "a", json!({ "type": "string" });
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.note(json!(true));
        match self.answer {
            Answer::Word => visitor.visit_str("a"),
            Answer::List => visitor.visit_seq(Once {
                tracer: Some(Tracer::new(&RefCell::new(Value::Null), Answer::Word)),
            }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let items = RefCell::new(json!(true));
        let read = visitor.visit_seq(Once {
            tracer: Some(Tracer::new(&items, self.answer)),
        });
        self.note(json!({ "type": "array", "items": items.into_inner() }));
        read
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let values = RefCell::new(json!(true));
        let read = visitor.visit_map(Once {
            tracer: Some(Tracer::new(&values, self.answer)),
        });
        self.note(json!({ "type": "object", "additionalProperties": values.into_inner() }));
        read
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let notes = RefCell::new(Map::new());
        let read = visitor.visit_map(Fields {
            fields: fields.iter().filter(|field| Some(**field) != self.left_out),
            of: name,
            field: "",
            answer: self.answer,
            notes: &notes,
        });
        let mut notes = notes.into_inner();
        if is_spanned(fields) {
            let value = notes.remove(fields[2]);
            self.note(value.unwrap_or(json!(true)));
        } else {
            self.note(json!({
                "type": "object",
                "properties": notes,
                "additionalProperties": false,
            }));
        }
        read
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.note(json!({ "enum": variants }));
        visitor.visit_enum(FirstVariant(variants[0]))
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str("a")
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.note(json!(true));
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        i128 u128 bytes byte_buf unit unit_struct tuple tuple_struct
    }
}

/// One element of a list, or one entry of a map.
struct Once<'n> {
    tracer: Option<Tracer<'n>>,
}

impl<'de> SeqAccess<'de> for Once<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let tracer = self.tracer.take();
        tracer.map(|tracer| seed.deserialize(tracer)).transpose()
    }
}

impl<'de> MapAccess<'de> for Once<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        match self.tracer {
            Some(_) => seed
                .deserialize(BorrowedStrDeserializer::new("a"))
                .map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        match self.tracer.take() {
            Some(tracer) => seed.deserialize(tracer),
            None => Err(serde::de::Error::custom("there is one entry")),
        }
    }
}

/// The fields of a struct, in turn.
struct Fields<'n, I> {
    fields: I,
    /// Name of the struct.
    of: &'static str,
    field: &'static str,
    answer: Answer,
    notes: &'n RefCell<Map<String, Value>>,
}

impl<'de, I: Iterator<Item = &'static &'static str>> MapAccess<'de> for Fields<'_, I> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let Some(field) = self.fields.next() else {
            return Ok(None);
        };
        self.field = field;
        seed.deserialize(BorrowedStrDeserializer::new(field))
            .map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let note = RefCell::new(json!(true));
        let read = seed.deserialize(Tracer::new(&note, self.answer));
        let mut note = note.into_inner();
        if let Some(meaning) = docs::of(self.of, self.field) {
            if !note.is_object() {
                note = json!({});
            }
            note["description"] = meaning.into();
        }
        self.notes.borrow_mut().insert(self.field.to_owned(), note);
        read
    }
}

/// The first of an enum's words.
struct FirstVariant(&'static str);

impl<'de> EnumAccess<'de> for FirstVariant {
    type Error = Error;
    type Variant = Unit;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Unit), Error> {
        let word: BorrowedStrDeserializer<'_, Error> = BorrowedStrDeserializer::new(self.0);
        Ok((seed.deserialize(word)?, Unit))
    }
}

/// A variant that holds nothing.
struct Unit;

impl<'de> VariantAccess<'de> for Unit {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _seed: T) -> Result<T::Value, Error> {
        Err(serde::de::Error::custom("only words are known"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, _visitor: V) -> Result<V::Value, Error> {
        Err(serde::de::Error::custom("only words are known"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Error> {
        Err(serde::de::Error::custom("only words are known"))
    }
}
