use super::super::init::Init;

/// Which of the usual forms of a vision transformer a [`Vit`](super::Vit) has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VitForm {
    /// timm's: `patch_embed.proj`, `cls_token`, `pos_embed`, `blocks.0.attn.qkv`, `head`.
    Timm,
    /// torchvision's, which differs in its names: `conv_proj`, `class_token`,
    /// `encoder.pos_embedding`, `encoder.layers.encoder_layer_0.self_attention`,
    /// `heads.head`.
    Torchvision,
    /// AlgoPerf's: no class token but the mean of all, fixed positions of sines and cosines,
    /// a tanh layer before the head, GELU by its tanh form, and separate queries, keys and
    /// values; the names are those of its PyTorch code.
    AlgoPerf,
}

/// Sizes of a [`Vit`](super::Vit).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VitConfig {
    /// Its form.
    pub form: VitForm,
    /// Side of a picture in pixels, a multiple of `patch`.
    pub image_size: i64,
    /// Side of a patch in pixels.
    pub patch: i64,
    /// Features of a token, a multiple of `heads`, for fixed positions of 4.
    pub width: i64,
    /// Blocks.
    pub depth: i64,
    /// Heads of the attention.
    pub heads: i64,
    /// Hidden features of the multi-layer perceptrons.
    pub hidden: i64,
    /// Classes that are told apart.
    pub classes: i64,
    /// Channels of a picture.
    pub channels: i64,
    /// Whose rules the initial values follow.
    pub init: Init,
    /// Rate of the dropout after the positions, after the attention, and after both layers of
    /// the perceptrons.
    pub dropout: f64,
    /// Rate of the dropout of attention weights.
    pub attention_dropout: f64,
    /// Rate at which the branches of the last block are dropped for a sample (stochastic
    /// depth); the blocks before have less, down to 0 in the first.
    pub drop_path: f64,
}

impl VitConfig {
    /// ViT-S/16 as timm has it: 12 blocks of 384 features with 6 heads.
    pub fn small(classes: i64) -> Self {
        Self {
            form: VitForm::Timm,
            image_size: 224,
            patch: 16,
            width: 384,
            depth: 12,
            heads: 6,
            hidden: 1_536,
            classes,
            channels: 3,
            init: Init::Timm,
            dropout: 0.0,
            attention_dropout: 0.0,
            drop_path: 0.0,
        }
    }

    /// ViT-B/16 as torchvision has it: 12 blocks of 768 features with 12 heads.
    pub fn base(classes: i64) -> Self {
        Self {
            form: VitForm::Torchvision,
            width: 768,
            heads: 12,
            hidden: 3_072,
            init: Init::Torchvision,
            ..Self::small(classes)
        }
    }

    /// The ViT-S/16 of AlgoPerf's workload `imagenet_vit`.
    pub fn algoperf_small(classes: i64) -> Self {
        Self {
            form: VitForm::AlgoPerf,
            init: Init::Paper,
            ..Self::small(classes)
        }
    }

    /// Patches along a side.
    pub(super) fn grid(&self) -> i64 {
        self.image_size / self.patch
    }
}
