//! The network that ranks of several machines connect by.

use std::path::Path;

use tch::Device;

use super::error::RanksError;
use super::introduction::RankPlace;

/// Names it, in the environment: of several with commas between them the first counts.
const VARIABLE: &str = "GLOO_SOCKET_IFNAME";

/// Where Linux lists the networks of a machine, each as a folder.
const PRESENT: &str = "/sys/class/net";

/// The network that is asked for; empty where none is.
pub(super) fn asked() -> String {
    let asked = std::env::var(VARIABLE).unwrap_or_default();
    asked.split(',').next().unwrap_or_default().to_owned()
}

/// Refuses a network that this machine does not have. Where the system does not list them, none is known
/// to be absent.
///
/// # Errors
/// [`RanksError::Environment`] names those that there are.
pub fn require_interface() -> Result<(), RanksError> {
    let host = RankPlace::of_this_process(Device::Cpu).host;
    require(&asked(), &present(Path::new(PRESENT)), &host)
}

/// The networks that are listed in `folder`, in the order of their names.
fn present(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    // Files beside them are settings of all.
    let networks = entries.filter(|entry| entry.path().is_dir());
    let mut names: Vec<String> = networks
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn require(asked: &str, present: &[String], host: &str) -> Result<(), RanksError> {
    // A second address of a network has a label behind its name.
    let name = asked.split(':').next().unwrap_or_default();
    if asked.is_empty() || present.is_empty() || present.iter().any(|one| one == name) {
        return Ok(());
    }
    Err(RanksError::Environment {
        variable: VARIABLE.to_owned(),
        found: asked.to_owned(),
        allowed: format!("a network of {host}: {}", present.join(", ")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_that_is_not_there_is_refused_with_those_that_are() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["lo", "eth0"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        std::fs::write(folder.path().join("bonding_masters"), "").unwrap();
        let all = present(folder.path());
        assert_eq!(all, ["eth0", "lo"]);
        for asked in ["", "lo", "eth0", "eth0:1"] {
            require(asked, &all, "node7").unwrap();
        }
        assert_eq!(
            require("ib0", &all, "node7").unwrap_err().to_string(),
            "GLOO_SOCKET_IFNAME is ib0, expected a network of node7: eth0, lo"
        );
        // Of a system that lists none.
        let none = present(&folder.path().join("none"));
        require("ib0", &none, "node7").unwrap();
    }
}
