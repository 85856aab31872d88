//! What the forms call the parts of a vision transformer.

use tch::nn::Path;

use super::config::VitForm;

/// The path of a module whose name may have dots.
pub(super) fn module<'a>(path: &Path<'a>, name: &str) -> Path<'a> {
    let (first, rest) = name.split_once('.').unwrap_or((name, ""));
    let path = path / first;
    match rest {
        "" => path,
        rest => module(&path, rest),
    }
}

/// Names of the parts outside of the blocks, dots between modules.
pub(super) struct Names {
    pub(super) patch: &'static str,
    pub(super) class_token: &'static str,
    pub(super) positions: &'static str,
    pub(super) norm: &'static str,
    pub(super) head: &'static str,
}

/// Names of the parts of a block.
pub(super) struct BlockNames {
    pub(super) norm1: &'static str,
    pub(super) projections: Projections,
    pub(super) output: &'static str,
    pub(super) norm2: &'static str,
    pub(super) first: &'static str,
    pub(super) second: &'static str,
}

/// Names of what makes queries, keys and values.
pub(super) enum Projections {
    /// One layer, and its parameters.
    Fused(&'static str, [&'static str; 2]),
    /// Three layers.
    Separate([&'static str; 3]),
}

/// The layer before the head, which AlgoPerf's form alone has.
pub(super) const PRE_LOGITS: &str = "pre_logits";

/// Whether a parameter of a vision transformer is the weight of what comes out of attention: its heads
/// are columns, where those of queries, keys and values are rows.
pub(crate) fn is_attention_output(parameter: &str) -> bool {
    let forms = [VitForm::Timm, VitForm::Torchvision, VitForm::AlgoPerf];
    let ends =
        |form: VitForm| parameter.ends_with(&format!(".{}.weight", form.block_names().output));
    forms.into_iter().any(ends)
}

impl VitForm {
    pub(super) fn names(self) -> Names {
        match self {
            Self::Timm => Names {
                patch: "patch_embed.proj",
                class_token: "cls_token",
                positions: "pos_embed",
                norm: "norm",
                head: "head",
            },
            Self::Torchvision => Names {
                patch: "conv_proj",
                class_token: "class_token",
                positions: "encoder.pos_embedding",
                norm: "encoder.ln",
                head: "heads.head",
            },
            // Neither a class token nor learned positions.
            Self::AlgoPerf => Names {
                patch: "conv_patch_extract",
                class_token: "",
                positions: "",
                norm: "encoder.encoder_norm",
                head: "head",
            },
        }
    }

    pub(super) fn block(self, place: i64) -> String {
        match self {
            Self::Timm => format!("blocks.{place}"),
            Self::Torchvision => format!("encoder.layers.encoder_layer_{place}"),
            Self::AlgoPerf => format!("encoder.net.{place}"),
        }
    }

    pub(super) fn block_names(self) -> BlockNames {
        match self {
            Self::Timm => BlockNames {
                norm1: "norm1",
                projections: Projections::Fused("attn.qkv", ["weight", "bias"]),
                output: "attn.proj",
                norm2: "norm2",
                first: "mlp.fc1",
                second: "mlp.fc2",
            },
            Self::Torchvision => BlockNames {
                norm1: "ln_1",
                projections: Projections::Fused(
                    "self_attention",
                    ["in_proj_weight", "in_proj_bias"],
                ),
                output: "self_attention.out_proj",
                norm2: "ln_2",
                first: "mlp.0",
                second: "mlp.3",
            },
            Self::AlgoPerf => BlockNames {
                norm1: "layer_norm0",
                projections: Projections::Separate([
                    "self_attention1.query",
                    "self_attention1.key",
                    "self_attention1.value",
                ]),
                output: "self_attention1.out",
                norm2: "layer_norm2",
                first: "mlp3.linear1",
                second: "mlp3.linear2",
            },
        }
    }
}
