use schemars::Schema;
use serde_json::Value;

/// Says of each variant of an enum what its `tag` is: no field has the description.
pub(crate) fn describe_tag(schema: &mut Schema, tag: &str, description: &str) {
    let variants = schema.get_mut("oneOf").and_then(Value::as_array_mut);
    for variant in variants.into_iter().flatten() {
        let tag = variant.pointer_mut(&format!("/properties/{tag}"));
        if let Some(tag) = tag.and_then(Value::as_object_mut) {
            tag.insert("description".to_owned(), description.into());
        }
    }
}
