//! Heads of attention that are no rows, and are cut by rows all the same.

use lawn_core::{Constraint, Granularity, Treatment};

use crate::models::is_attention_output;
use crate::trial::OptimizerSettings;

impl OptimizerSettings {
    /// That the projection of what comes out of attention is constrained by heads, by what an optimizer
    /// of these settings does to each parameter: in words, with the first that is. A head is so many of
    /// its columns, and not of its rows. Known of the vision transformers that an image task can train.
    #[must_use]
    pub fn output_cut_by_rows(&self, treatments: &[Treatment]) -> Option<String> {
        let is_head = |units: Option<Granularity>| matches!(units, Some(Granularity::Head(_)));
        let of_all = self.granularity_of_all();
        let is_cut = |one: &&Treatment| {
            one.constraint == Constraint::Constrained
                && is_head(one.granularity.or(of_all))
                && is_attention_output(&one.parameter)
        };
        let mut cut = treatments.iter().filter(is_cut);
        let first = &cut.next()?.parameter;
        let more = match cut.count() {
            0 => String::new(),
            others => format!(" and {others} like it"),
        };
        Some(format!(
            "granularity cuts {first}{more} into so many rows, and a head is so many of its columns; \
             granularity_on lists the projections of queries, keys and values alone"
        ))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tasks::{TaskConfig, TrialConfig};
    use crate::train::dry_run;
    use crate::trial::Amount;

    /// What is said of heads on a vision transformer.
    fn said(more: serde_json::Value) -> Option<String> {
        let table =
            json!({ "model": "vit_s_16", "generated": { "train": 60, "test": 12, "side": 32 } });
        let task = TaskConfig::from_table("image", table).unwrap();
        let mut settings =
            json!({ "rule": "adam", "learning_rate": 0.1, "constraint": "hyperball" });
        let given = more.as_object().cloned().unwrap_or_default();
        settings.as_object_mut().unwrap().extend(given);
        let settings: OptimizerSettings = serde_json::from_value(settings).unwrap();
        let config = TrialConfig::new(task, settings.clone(), 16, Amount::Epochs(1));
        let info = dry_run(&config, None).unwrap();
        settings.output_cut_by_rows(&info.treatments)
    }

    #[test]
    fn an_output_projection_that_is_cut_by_rows_is_said() {
        let head = json!({ "head": 64 });
        let on = |patterns: &[&str]| json!({ "granularity": head, "granularity_on": patterns });
        assert_eq!(said(on(&["*.attn.qkv.weight"])), None);
        assert_eq!(said(json!({})), None);
        let found = said(on(&["*.attn.*"])).unwrap();
        for part in [
            "granularity cuts blocks.0.attn.proj.weight and 11 like it into so many rows",
            "granularity_on lists the projections of queries, keys and values alone",
        ] {
            assert!(found.contains(part), "{part:?} is not in: {found}");
        }
    }

    #[test]
    fn an_output_projection_is_known_by_the_names_of_each_form() {
        for (name, is_one) in [
            ("blocks.0.attn.proj.weight", true),
            (
                "encoder.layers.encoder_layer_3.self_attention.out_proj.weight",
                true,
            ),
            ("encoder.net.3.self_attention1.out.weight", true),
            ("blocks.0.attn.proj.bias", false),
            ("blocks.0.attn.qkv.weight", false),
            ("patch_embed.proj.weight", false),
            ("encoder.net.3.self_attention1.query.weight", false),
        ] {
            assert_eq!(is_attention_output(name), is_one, "{name}");
        }
    }
}
