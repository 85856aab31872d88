//! The compiler of kernels, which comes with libtorch's wheel for CUDA.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::PathBuf;
use std::sync::OnceLock;

use super::library::{Library, folders_of_the_wheel};
use crate::libtorch::stream::a_function_of_libtorch;

/// The source, and what it includes: names and texts.
const KERNELS: [(&str, &str); 8] = [
    ("kernels.cu", include_str!("../../../cuda/kernels.cu")),
    ("records.h", include_str!("../../../cuda/records.h")),
    ("target.h", include_str!("../../../cuda/target.h")),
    ("element.h", include_str!("../../../cuda/element.h")),
    ("direction.h", include_str!("../../../cuda/direction.h")),
    ("units.h", include_str!("../../../cuda/units.h")),
    ("passes.h", include_str!("../../../cuda/passes.h")),
    ("kernels.h", include_str!("../../../cuda/kernels.h")),
];

/// What is compiled.
#[derive(Clone, Debug)]
pub(super) struct Source<'a> {
    /// Names and texts: the file that is compiled, and those that it includes.
    pub(super) files: &'a [(&'a str, &'a str)],
    /// What the compiler is told of it.
    pub(super) options: Vec<String>,
}

impl Source<'static> {
    /// The kernels of an optimizer.
    pub(super) fn of(parts: Parts) -> Self {
        Self {
            files: &KERNELS,
            options: vec![
                format!("-DLAWN_RULES={}", parts.rules),
                format!("-DLAWN_ELEMENTS={}", parts.elements),
            ],
        }
    }
}

type Program = *mut c_void;

/// The functions of the library that are called here.
#[derive(Debug)]
pub(super) struct Nvrtc {
    version: unsafe extern "C" fn(*mut c_int, *mut c_int) -> c_int,
    count_architectures: unsafe extern "C" fn(*mut c_int) -> c_int,
    architectures: unsafe extern "C" fn(*mut c_int) -> c_int,
    create: unsafe extern "C" fn(
        *mut Program,
        *const c_char,
        *const c_char,
        c_int,
        *const *const c_char,
        *const *const c_char,
    ) -> c_int,
    compile: unsafe extern "C" fn(Program, c_int, *const *const c_char) -> c_int,
    destroy: unsafe extern "C" fn(*mut Program) -> c_int,
    log_size: unsafe extern "C" fn(Program, *mut usize) -> c_int,
    log: unsafe extern "C" fn(Program, *mut c_char) -> c_int,
    ptx_size: unsafe extern "C" fn(Program, *mut usize) -> c_int,
    ptx: unsafe extern "C" fn(Program, *mut c_char) -> c_int,
    cubin_size: unsafe extern "C" fn(Program, *mut usize) -> c_int,
    cubin: unsafe extern "C" fn(Program, *mut c_char) -> c_int,
    _library: Library,
}

/// What is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The instructions of this compute capability, 90 for 9.0.
    Machine(i32),
    /// PTX for this compute capability and later ones; the driver compiles it.
    Ptx(i32),
}

impl Target {
    /// What the compiler is told of a source.
    pub(super) fn options(self, source: &Source<'_>) -> Vec<String> {
        let architecture = match self {
            Target::Machine(number) => format!("--gpu-architecture=sm_{number}"),
            Target::Ptx(number) => format!("--gpu-architecture=compute_{number}"),
        };
        let always = [
            architecture,
            "--std=c++17".into(),
            // So that a device gives the same bits as a CPU does.
            "--fmad=false".into(),
            "--device-as-default-execution-space".into(),
        ];
        always
            .into_iter()
            .chain(source.options.iter().cloned())
            .collect()
    }
}

/// What to compile for on a device of this compute capability, of those that are known: its own
/// instructions, or the nearest PTX below.
pub(super) fn target(known: &[i32], capability: i32) -> Result<Target, String> {
    match known.iter().rfind(|&&known| known <= capability) {
        Some(&found) if found == capability => Ok(Target::Machine(found)),
        Some(&found) => Ok(Target::Ptx(found)),
        None => Err(format!(
            "compute capability {} is none that NVRTC knows, which are {known:?}{}",
            dotted(capability),
            if capability < TURING && known.first().is_some_and(|&oldest| oldest >= TURING) {
                ": CUDA 13 has left Volta and older cards, which that of CUDA 12 has"
            } else {
                ""
            }
        )),
    }
}

/// The oldest of CUDA 13.
const TURING: i32 = 75;

/// 9.0 for 90.
fn dotted(capability: i32) -> String {
    format!("{}.{}", capability / 10, capability % 10)
}

/// Which rules and elements are compiled, a bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Parts {
    pub(super) rules: u32,
    pub(super) elements: u32,
}

impl Nvrtc {
    /// The library of this process.
    pub(super) fn get() -> Result<&'static Self, String> {
        static NVRTC: OnceLock<Result<Nvrtc, String>> = OnceLock::new();
        NVRTC
            .get_or_init(Self::load)
            .as_ref()
            .map_err(String::clone)
    }

    fn load() -> Result<Self, String> {
        let folders = folders_of_the_wheel(a_function_of_libtorch());
        // NVRTC looks for this one by its name alone, and finds it once it is loaded.
        for builtins in files(&folders, "libnvrtc-builtins.so") {
            let _ = Library::open(&[builtins]);
        }
        let mut names = files(&folders, "libnvrtc.so");
        names.extend(["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"].map(String::from));
        let library = Library::open(&names)?;
        // SAFETY: these are the types that nvrtc.h gives the functions.
        unsafe {
            Ok(Self {
                version: function(&library, c"nvrtcVersion")?,
                count_architectures: function(&library, c"nvrtcGetNumSupportedArchs")?,
                architectures: function(&library, c"nvrtcGetSupportedArchs")?,
                create: function(&library, c"nvrtcCreateProgram")?,
                compile: function(&library, c"nvrtcCompileProgram")?,
                destroy: function(&library, c"nvrtcDestroyProgram")?,
                log_size: function(&library, c"nvrtcGetProgramLogSize")?,
                log: function(&library, c"nvrtcGetProgramLog")?,
                ptx_size: function(&library, c"nvrtcGetPTXSize")?,
                ptx: function(&library, c"nvrtcGetPTX")?,
                cubin_size: function(&library, c"nvrtcGetCUBINSize")?,
                cubin: function(&library, c"nvrtcGetCUBIN")?,
                _library: library,
            })
        }
    }

    /// Major and minor version.
    pub(super) fn version(&self) -> (i32, i32) {
        let (mut major, mut minor) = (0, 0);
        // SAFETY: both are valid to write to during the call.
        unsafe { (self.version)(&raw mut major, &raw mut minor) };
        (major, minor)
    }

    /// The compute capabilities that it compiles for, in order.
    pub(super) fn architectures(&self) -> Vec<i32> {
        let mut count = 0;
        // SAFETY: the list has as many places as the library says that it writes.
        unsafe {
            (self.count_architectures)(&raw mut count);
            let mut all = vec![0; usize::try_from(count).unwrap_or(0)];
            (self.architectures)(all.as_mut_ptr());
            all
        }
    }

    /// What to compile for on a device of this compute capability.
    pub(super) fn target(&self, capability: i32) -> Result<Target, String> {
        target(&self.architectures(), capability)
    }

    /// A source, compiled.
    pub(super) fn compile(&self, target: Target, source: &Source<'_>) -> Result<Vec<u8>, String> {
        let ended = |text: &str| CString::new(text).expect("a source has no end within it");
        let [names, texts]: [Vec<CString>; 2] = [
            source.files.iter().map(|file| ended(file.0)).collect(),
            source.files.iter().map(|file| ended(file.1)).collect(),
        ];
        let told: Vec<CString> = (target.options(source).iter())
            .map(|option| ended(option))
            .collect();
        let addresses = |all: &[CString]| -> Vec<*const c_char> {
            all.iter().map(|one| one.as_ptr()).collect()
        };
        let (headers, included) = (addresses(&texts[1..]), addresses(&names[1..]));
        let options = addresses(&told);
        let mut program = std::ptr::null_mut();
        // SAFETY: all strings live longer than the calls, the counts are those of the lists, and
        // the program is destroyed after its last use.
        unsafe {
            let created = (self.create)(
                &raw mut program,
                texts[0].as_ptr(),
                names[0].as_ptr(),
                headers.len() as c_int,
                headers.as_ptr(),
                included.as_ptr(),
            );
            if created != 0 {
                return Err(format!("nvrtcCreateProgram failed with {created}"));
            }
            let done = (self.compile)(program, options.len() as c_int, options.as_ptr());
            let result = if done == 0 {
                match target {
                    Target::Machine(_) => read(program, self.cubin_size, self.cubin),
                    Target::Ptx(_) => read(program, self.ptx_size, self.ptx),
                }
            } else {
                let log = read(program, self.log_size, self.log).unwrap_or_default();
                Err(String::from_utf8_lossy(&log).into_owned())
            };
            (self.destroy)(&raw mut program);
            result
        }
    }
}

/// What a program has, by the function that tells its size and the one that writes it.
///
/// # Safety
///
/// Both are of the library of the program, and of the same thing.
unsafe fn read(
    program: Program,
    size: unsafe extern "C" fn(Program, *mut usize) -> c_int,
    write: unsafe extern "C" fn(Program, *mut c_char) -> c_int,
) -> Result<Vec<u8>, String> {
    let mut bytes = 0;
    // SAFETY: the caller keeps to the conditions; there is room for as much as is written.
    unsafe {
        let told = size(program, &raw mut bytes);
        let mut found = vec![0u8; bytes];
        match (told, write(program, found.as_mut_ptr().cast())) {
            (0, 0) => Ok(found),
            (told, written) => Err(format!("NVRTC failed with {told} and {written}")),
        }
    }
}

/// A function of a library.
///
/// # Safety
///
/// `F` is the type of the function of this name.
pub(super) unsafe fn function<F: Copy>(library: &Library, name: &CStr) -> Result<F, String> {
    const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
    let address = library.symbol(name)?;
    // SAFETY: the caller gives the type of the function.
    Ok(unsafe { std::mem::transmute_copy(&address) })
}

/// The files of these folders whose names begin so, with the versions that follow.
fn files(folders: &[PathBuf], name: &str) -> Vec<String> {
    let mut found = Vec::new();
    for folder in folders {
        let Ok(entries) = std::fs::read_dir(folder) else {
            continue;
        };
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().starts_with(name) {
                found.push(entry.path().to_string_lossy().into_owned());
            }
        }
    }
    found
}
