//! What follows from the list of kinds.

/// Makes [`TaskConfig`], [`MakeData`] and [`KINDS`] of the list, which are all that has to
/// tell one kind from another.
macro_rules! kinds {
    ($($variant:ident: $config:ty,)+) => {
        /// The kinds of task, in the order in which they are listed everywhere.
        pub const KINDS: &[KindEntry] = &[$(KindEntry::of::<$config>()),+];

        /// Their formats of files, in the same order.
        pub(crate) const FORMATS: &[KindFormat] = &[$(KindFormat::of::<$config>()),+];

        /// What to learn: data, model and how it is measured.
        ///
        /// In JSON the variant is named by a `kind` key beside the fields.
        #[derive(serde::Serialize, serde::Deserialize, Clone, Debug, PartialEq)]
        #[serde(tag = "kind", rename_all = "lowercase")]
        #[non_exhaustive]
        pub enum TaskConfig {
            $(#[doc = concat!("A [`", stringify!($config), "`].")] $variant($config)),+
        }

        /// What [`make_data`](crate::make_data) writes: sizes of generated data, with their `kind`.
        #[derive(serde::Serialize, serde::Deserialize, Clone, Debug, PartialEq)]
        #[serde(tag = "kind", rename_all = "lowercase")]
        #[non_exhaustive]
        pub enum MakeData {
            $(#[doc = concat!("What a [`", stringify!($config), "`] reads.")]
            $variant(<$config as Kind>::Generated)),+
        }

        impl TaskConfig {
            /// The values that `kind` takes.
            pub const KINDS: &[&str] = &[$(<$config as Kind>::NAME),+];

            /// Reads the table of one task after its `kind` has been taken out of it.
            ///
            /// A deserializer that knows spans keeps them: an internally tagged enum
            /// would buffer the table and lose them.
            ///
            /// # Errors
            /// The deserializer's own error, for an unknown `kind` or a bad field.
            ///
            /// ```
            /// use lawn_models::TaskConfig;
            /// let table = serde_json::json!({ "data": "ml-1m", "factors": 16 });
            /// let task = TaskConfig::from_table("ncf", table).unwrap();
            /// assert_eq!(task.metrics().primary, "hr@10");
            /// ```
            pub fn from_table<'de, D: serde::Deserializer<'de>>(
                kind: &str,
                table: D,
            ) -> Result<Self, D::Error> {
                $(if kind == <$config as Kind>::NAME {
                    let mut config = <$config as serde::Deserialize>::deserialize(table)?;
                    config.resolve();
                    return Ok(Self::$variant(config));
                })+
                Err(serde::de::Error::unknown_variant(kind, Self::KINDS))
            }

            /// What the list says of its kind.
            pub fn entry(&self) -> &'static KindEntry {
                let name = self.kind();
                let entry = KINDS.iter().find(|entry| entry.name == name);
                entry.expect("every kind is listed")
            }

            /// The value of `kind` for this task.
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => <$config as Kind>::NAME),+
                }
            }

            /// Name of the data set: `generated`, or the one that is looked up under the
            /// data root.
            pub fn data(&self) -> &str {
                match self {
                    $(Self::$variant(config) => config.data()),+
                }
            }

            /// The file of weights that training begins with, absolute or under the data root.
            pub fn weights(&self) -> Option<&std::path::Path> {
                match self {
                    $(Self::$variant(config) => config.weights()),+
                }
            }

            /// All files of weights that training begins with: those of parts of the net, too.
            pub fn weights_files(&self) -> Vec<&std::path::Path> {
                let parts = match self {
                    $(Self::$variant(config) => config.weights_of_parts()),+
                };
                self.weights().into_iter().chain(parts).collect()
            }

            /// Samples that stay together, whatever a batch is cut into: those of one set of
            /// normalization statistics, 1 without any.
            pub fn statistics_batch(&self) -> u64 {
                match self {
                    $(Self::$variant(config) => config.statistics_batch()),+
                }
            }

            /// Columns that are looked up in embedding tables, where their number is known.
            pub fn columns(&self) -> Option<u64> {
                match self {
                    $(Self::$variant(config) => config.columns()),+
                }
            }

            /// Whether its data are made in the process.
            pub fn is_generated(&self) -> bool {
                self.data() == crate::data::GENERATED
            }

            /// Whether the task reads files and so needs a data root.
            pub fn needs_data_root(&self) -> bool {
                !self.is_generated() || !self.weights_files().is_empty()
            }

            /// Names of what the task measures on each split.
            pub fn metrics(&self) -> TaskMetrics {
                match self {
                    $(Self::$variant(config) => config.metrics()),+
                }
            }

            /// Checks every value against what it allows.
            ///
            /// # Errors
            /// [`SettingsError`](crate::SettingsError) names the setting, its value and what
            /// is allowed.
            pub fn validate(&self) -> Result<(), crate::trial::SettingsError> {
                match self {
                    $(Self::$variant(config) => config.validate()),+
                }
            }

            pub(crate) fn assemble(
                &self,
                surroundings: Surroundings<'_>,
            ) -> Result<Task, crate::data::DataError> {
                match self {
                    $(Self::$variant(config) => config.assemble(surroundings)),+
                }
                .map(|assembled| assembled.0)
            }

            /// The sizes of its data that its net is made for.
            pub fn sizes(&self) -> &'static [DataSize] {
                match self {
                    $(Self::$variant(_) => <$config as Kind>::SIZES),+
                }
            }

            /// Those that neither the task nor `stated` says, as [`Kind::unstated`] lists them.
            pub fn unstated(&self, stated: &StatedSizes) -> Vec<DataSize> {
                match self {
                    $(Self::$variant(config) => config.unstated(stated)),+
                }
            }

            pub(crate) fn net(
                &self,
                stated: &StatedSizes,
                part: crate::models::TablePart,
            ) -> Result<task::Net, crate::data::DataError> {
                match self {
                    $(Self::$variant(config) => config.net(stated, part)),+
                }
                .map(|assembled| assembled.0)
            }

            pub(crate) fn floors(
                &self,
                data_root: Option<&std::path::Path>,
                permit: Option<&crate::trial::TestPermit>,
            ) -> Result<Vec<crate::measure::Floor>, crate::data::DataError> {
                match self {
                    $(Self::$variant(config) => config.floors(data_root, permit)),+
                }
            }

            pub(crate) fn files(
                &self,
                root: &std::path::Path,
                split: Files,
            ) -> Result<Vec<std::path::PathBuf>, crate::data::DataError> {
                match self {
                    $(Self::$variant(config) => config.files(root, split)),+
                }
            }

            pub(crate) fn survey(
                &self,
                data_root: Option<&std::path::Path>,
                permit: &crate::trial::TestPermit,
            ) -> Result<Vec<String>, crate::data::DataError> {
                match self {
                    $(Self::$variant(config) => config.survey(data_root, permit)),+
                }
            }

            /// Keys that say nothing beside the others, as [`Kind::idle`] lists them.
            pub fn idle(&self) -> Vec<&'static str> {
                match self {
                    $(Self::$variant(config) => config.idle()),+
                }
            }

            /// A sheet of samples, as [`Kind::sheet`] draws it.
            ///
            /// # Errors
            /// As [`Kind::sheet`].
            pub fn sheet(
                &self,
                data_root: Option<&std::path::Path>,
                seed: u64,
            ) -> Result<Option<Vec<u8>>, crate::data::DataError> {
                match self {
                    $(Self::$variant(config) => config.sheet(data_root, seed)),+
                }
            }

            /// Reads the whole of the data set in a folder, as [`Kind::check`] does.
            pub fn check(
                &self,
                folder: &std::path::Path,
                progress: crate::data::images::ScanProgress<'_>,
            ) -> Option<Result<crate::data::checked::CheckedData, crate::data::DataError>> {
                match self {
                    $(Self::$variant(config) => config.check(folder, progress)),+
                }
            }

            /// Looks into every file of the splits, as [`Kind::scan`] does.
            ///
            /// # Errors
            /// As [`Kind::scan`].
            pub fn scan(
                &self,
                root: &std::path::Path,
                splits: &[Files],
                progress: crate::data::images::ScanProgress<'_>,
            ) -> Result<Vec<crate::data::images::Scan>, crate::data::DataError> {
                match self {
                    $(Self::$variant(config) => config.scan(root, splits, progress)),+
                }
            }
        }

        impl MakeData {
            pub(crate) fn write(&self, folder: &std::path::Path) -> Result<(), crate::data::DataError> {
                match self {
                    $(Self::$variant(sizes) => <$config as Kind>::write(sizes, folder)),+
                }
            }
        }
    };
}
