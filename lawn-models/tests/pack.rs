//! What a pack takes of memory. A file of its own, as other tests would be counted too.

use lawn_models::{
    BadFiles, Encoding, GeneratedImages, MakeData, TaskConfig, make_data, pack_images,
    train_dataset,
};
use serde_json::json;

/// Bytes of this process that are no file's.
fn anonymous() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let kilobytes = line.unwrap().trim().trim_end_matches(" kB");
    kilobytes.parse::<u64>().unwrap() * 1024
}

#[test]
fn reading_all_of_a_pack_keeps_none_of_it() {
    let root = tempfile::tempdir().unwrap();
    let sizes = GeneratedImages {
        classes: 4,
        side: 128,
        train: 600,
        test: 4,
        ..GeneratedImages::default()
    };
    let [folder, pack] = ["folder", "pack"].map(|name| root.path().join(name));
    make_data(&MakeData::Image(sizes), &folder).unwrap();
    let packed = pack_images(
        &folder,
        &pack,
        Encoding::Raw,
        false,
        BadFiles::Fail,
        &|_, _| (),
    );
    let bytes = packed.unwrap().bytes;
    assert!(bytes > 600 * 128 * 128 * 3);
    let table = json!({ "data": "pack", "transform": { "size": 32 } });
    let task = TaskConfig::from_table("image", table).unwrap();
    let dataset = train_dataset(&task, Some(root.path()), 0).unwrap();
    dataset.batch(0..32, 1).unwrap();
    let before = anonymous();
    for start in (0..dataset.len() - 32).step_by(32) {
        dataset.batch(start..start + 32, 1).unwrap();
    }
    let grown = anonymous().saturating_sub(before);
    assert!(
        grown < bytes / 4,
        "{grown} bytes more after reading {bytes}"
    );
}
