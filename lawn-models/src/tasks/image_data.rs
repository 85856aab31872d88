//! What an image task asks of its data, looked at before anything is trained, and what
//! `lawn data check` says of them: the same, by the same code.

use std::path::Path;

use super::image::ImageConfig;
use crate::data::DataError;
use crate::data::checked::CheckedData;
use crate::data::images::{self, BadFiles, Part, Scan, ScanProgress, Source};
use crate::trial::SettingsError;

impl ImageConfig {
    /// Looks into every file of the splits, train first where it is among them.
    ///
    /// # Errors
    /// [`DataError`] where no trial could be trained on them.
    pub(super) fn scanned(
        &self,
        source: &Source,
        parts: &[Part],
        progress: ScanProgress<'_>,
    ) -> Result<Vec<Scan>, DataError> {
        self.require_keys(source)?;
        let mut scans = source.scan(parts, progress)?;
        self.require(parts, &scans)?;
        note_lone_classes(parts, &mut scans);
        Ok(scans)
    }

    /// The data set in a folder, looked into as planning does; what planning refuses is no error, as
    /// long as all of it could be looked into.
    pub(super) fn checked(
        &self,
        folder: &Path,
        progress: ScanProgress<'_>,
    ) -> Option<Result<CheckedData, DataError>> {
        let read = |source: Source| {
            let parts = [Part::Train, Part::Test];
            let mut splits = source.scan(&parts, progress)?;
            note_lone_classes(&parts, &mut splits);
            let refused = self.require_keys(&source);
            let refused = refused.and_then(|()| self.require(&parts, &splits)).err();
            Ok(CheckedData {
                counts: images::describe(folder).transpose()?.unwrap_or_default(),
                notes: source.survey()?,
                splits,
                refused,
                ..CheckedData::default()
            })
        };
        Some(Source::in_folder(folder)?.and_then(read))
    }

    /// Refuses keys that do not go with where the images lie.
    pub(super) fn require_keys(&self, source: &Source) -> Result<(), DataError> {
        source.require_turned(self.exif_orientation)?;
        match source.without_files() {
            Some(what) => self.refuse_keys_of_files(what).map_err(DataError::Setting),
            None => Ok(()),
        }
    }

    /// Refuses keys that have no meaning where images are no files, rather than leaving them unread.
    pub(super) fn refuse_keys_of_files(&self, context: &str) -> Result<(), SettingsError> {
        for (setting, is_set) in [
            ("exif_orientation", self.exif_orientation),
            ("bad_files", self.bad_files != BadFiles::default()),
        ] {
            if is_set {
                return Err(SettingsError::NotApplicable {
                    setting: setting.to_owned(),
                    context: context.to_owned(),
                    allowed: "leave it out".to_owned(),
                });
            }
        }
        Ok(())
    }

    fn require(&self, parts: &[Part], scans: &[Scan]) -> Result<(), DataError> {
        if self.bad_files == BadFiles::Fail {
            images::require_sound(scans)?;
        }
        for scan in scans {
            images::require_all_classes(scan)?;
        }
        if let (Some(train), Some(Part::Train)) = (scans.first(), parts.first()) {
            images::require_two(train)?;
        }
        match self.transform {
            Some(_) => Ok(()),
            None => images::require_one_size(scans),
        }
    }
}

/// Says which classes of a train split have no image for validation.
fn note_lone_classes(parts: &[Part], scans: &mut [Scan]) {
    if let (Some(train), Some(Part::Train)) = (scans.first_mut(), parts.first()) {
        let note = train.lone_classes();
        train.notes.extend(note);
    }
}
