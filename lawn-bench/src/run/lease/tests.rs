use std::sync::Barrier;

use super::*;

const LONG: Duration = Duration::from_secs(60);

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn taken(folder: &Path, terms: &Terms) -> Lease {
    match ask(folder, terms).expect("the folder can be written") {
        Claim::Taken(lease) => lease,
        Claim::Refused(state) => panic!("held by {state}"),
    }
}

/// A process that has ended.
fn dead() -> Owner {
    Owner {
        pid: u32::MAX,
        ..Owner::this_process()
    }
}

/// A process on a machine that cannot be looked at.
fn elsewhere() -> Owner {
    Owner {
        host: "elsewhere".into(),
        space: Some("another boot".into()),
        ..Owner::this_process()
    }
}

/// Puts a lease of `owner` into `folder`, last touched `age` ago.
fn plant(folder: &Path, owner: Owner, launcher: Option<Owner>, age: Duration) {
    let holder = Holder {
        owner,
        launcher,
        nonce: "planted".into(),
        expiry_seconds: LONG.as_secs_f64(),
    };
    let path = path(folder, 1);
    document::write(&path, SCHEMA, &holder).expect("it can be written");
    set_age(&path, age);
}

fn set_age(path: &Path, age: Duration) {
    File::options()
        .write(true)
        .open(path)
        .and_then(|file| file.set_modified(SystemTime::now() - age))
        .expect("the time can be set");
}

#[test]
fn a_lease_is_one_processes_until_it_is_given_back() {
    let folder = folder();
    assert_eq!(look(folder.path(), None).unwrap(), State::Free);
    let lease = taken(folder.path(), &Terms::new(LONG));
    assert!(lease.is_mine() && !lease.watch().is_lost());
    assert!(matches!(
        ask(folder.path(), &Terms::new(LONG)).unwrap(),
        Claim::Refused(State::Held { holder, .. }) if holder.owner == Owner::this_process()
    ));
    drop(lease);
    assert_eq!(look(folder.path(), None).unwrap(), State::Free);
    assert_eq!(taken(folder.path(), &Terms::new(LONG)).token(), 2);
}

#[test]
fn of_many_that_ask_at_once_one_gets_it() {
    let folder = folder();
    plant(folder.path(), dead(), None, Duration::ZERO);
    let barrier = Barrier::new(16);
    let leases: Vec<Option<Lease>> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..16)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    match ask(folder.path(), &Terms::new(LONG)).unwrap() {
                        Claim::Taken(lease) => Some(lease),
                        Claim::Refused(_) => None,
                    }
                })
            })
            .collect();
        asking.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(leases.iter().flatten().count(), 1);
    assert_eq!(leases.iter().flatten().next().unwrap().token(), 2);
}

#[test]
fn the_dead_are_followed_at_once_unless_somebody_looks_after_them() {
    let held = |owner: Owner, launcher: Option<Owner>, age: Duration, asking: Option<&Owner>| {
        let folder = folder();
        plant(folder.path(), owner, launcher, age);
        look(folder.path(), asking).unwrap() != State::Free
    };
    let alive = Owner::this_process();
    assert!(held(alive.clone(), None, Duration::ZERO, None));
    assert!(!held(dead(), None, Duration::ZERO, None));
    assert!(!held(dead(), Some(dead()), Duration::ZERO, None));
    // Its launcher lives, and will say how it ended: to everybody else it is held.
    assert!(held(dead(), Some(alive.clone()), Duration::ZERO, None));
    assert!(!held(
        dead(),
        Some(alive.clone()),
        Duration::ZERO,
        Some(&alive)
    ));
    // But not for ever.
    assert!(!held(dead(), Some(alive.clone()), 2 * LONG, None));
    // Of another machine's process only its touches are known; a process that is stopped
    // does not touch either.
    assert!(held(elsewhere(), None, LONG / 2, None));
    assert!(!held(elsewhere(), None, 2 * LONG, None));
    assert!(!held(alive, None, 2 * LONG, None));
}

#[test]
fn a_holder_touches_its_lease_and_notices_when_it_is_followed() {
    let folder = folder();
    let terms = Terms::new(Duration::from_millis(400));
    let lease = taken(folder.path(), &terms);
    let watch = lease.watch();
    std::thread::sleep(Duration::from_millis(1200));
    assert!(matches!(
        ask(folder.path(), &terms).unwrap(),
        Claim::Refused(_)
    ));
    // What a taker does while the holder is stopped.
    std::fs::write(path(folder.path(), 2), b"{}").unwrap();
    assert!(!lease.is_mine() && watch.is_lost());
    drop(lease);
    assert_eq!(std::fs::read(path(folder.path(), 2)).unwrap(), b"{}");
}

#[test]
fn a_cleared_folder_is_nobodys_and_its_former_holder_notices() {
    let folder = folder();
    let lease = taken(folder.path(), &Terms::new(LONG));
    clear(folder.path()).unwrap();
    let successor = taken(folder.path(), &Terms::new(LONG));
    assert_eq!(successor.token(), lease.token());
    assert!(!lease.is_mine() && successor.is_mine());
    drop(lease);
    assert!(successor.is_mine(), "giving back reaches only one's own");
}

#[test]
fn empty_damaged_and_newer_leases_are_told_apart() {
    let folder = folder();
    let path = path(folder.path(), 1);
    std::fs::write(&path, b"").unwrap();
    assert_eq!(look(folder.path(), None).unwrap(), State::Free);

    std::fs::write(&path, b"{\"schema\": 1, \"ho").unwrap();
    let State::Unreadable { detail } = look(folder.path(), None).unwrap() else {
        panic!("a fresh lease that cannot be read may be somebody's");
    };
    assert!(detail.contains("lease-1 is damaged"), "{detail}");
    set_age(&path, 2 * LEASE);
    assert_eq!(look(folder.path(), None).unwrap(), State::Free);

    std::fs::write(&path, b"{\"schema\": 99}").unwrap();
    let error = ask(folder.path(), &Terms::new(LONG)).expect_err("99 is newer");
    assert!(error.to_string().contains("has schema 99"), "{error}");
}

/// Who works together with the holder knows that it is gone, or hangs, before its lease expires.
#[test]
fn one_of_those_that_are_left_succeeds_a_holder_that_is_lost() {
    let terms = Terms::new(LONG);
    let succeeds = |owner: Owner, launcher: Option<Owner>, token: u64, hangs: bool| {
        let folder = folder();
        plant(folder.path(), owner, launcher, Duration::ZERO);
        let next = succeed(folder.path(), Some(token), hangs, &terms).unwrap();
        let is_taken = next.is_some();
        if is_taken {
            let second = succeed(folder.path(), Some(token), hangs, &terms).unwrap();
            assert!(second.is_none(), "one has succeeded it");
        }
        is_taken
    };
    let alive = Owner::this_process();
    assert!(succeeds(dead(), None, 1, false));
    assert!(succeeds(elsewhere(), None, 1, false));
    assert!(succeeds(alive.clone(), None, 1, true));
    assert!(succeeds(dead(), Some(dead()), 1, false));
    // Its launcher says how it ended.
    assert!(!succeeds(dead(), Some(alive.clone()), 1, false));
    assert!(!succeeds(alive.clone(), Some(elsewhere()), 1, true));
    // Another has the folder by now, or had it before.
    assert!(!succeeds(dead(), None, 2, true));

    let folder = folder();
    let lease = taken(folder.path(), &terms);
    let next = succeed(folder.path(), Some(lease.token()), true, &terms);
    assert!(next.unwrap().is_some() && !lease.is_mine(), "it is fenced");
    // Given back, it is nobody's to succeed; and without a number it is asked for as ever.
    let folder = self::folder();
    let token = taken(folder.path(), &terms).token();
    assert!(
        succeed(folder.path(), Some(token), true, &terms)
            .unwrap()
            .is_none()
    );
    let lease = succeed(folder.path(), None, true, &terms).unwrap();
    assert!(lease.is_some());
    assert!(
        succeed(folder.path(), None, true, &terms)
            .unwrap()
            .is_none()
    );
}
