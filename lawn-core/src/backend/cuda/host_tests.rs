//! What the host does in a step: a few allocations for each parameter, whatever its size.
//!
//! The time that a step holds the host up is measured on a device, by `peers/accelerator.py`. Here
//! it is what it hangs on that is counted.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use tch::{Device, Kind, Tensor};

use super::launch::IDLE;
use crate::{
    AdamConfig, Backend, LawnConfig, Optimizer, OptimizerConfig, Parameter, Parameters, Role,
    Schedule, Scope,
};

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, with a count of what a thread has asked it for.
struct Counting;

// SAFETY: it is the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that ends has no count any more.
        let _ = COUNT.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps to the conditions.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn optimizer(tensors: usize, side: i64) -> (Optimizer, Vec<Tensor>) {
    let made = (0..tensors).map(|_| {
        let tensor = Tensor::ones([side, side], (Kind::Float, Device::Cpu));
        let tensor = tensor.set_requires_grad(true);
        tensor.square().sum(Kind::Float).backward();
        tensor
    });
    let made: Vec<Tensor> = made.collect();
    let parameters = made.iter().enumerate().map(|(i, tensor)| Parameter {
        name: format!("p{i}"),
        role: Role::Weight,
        tensor: tensor.shallow_clone(),
    });
    let lawn = LawnConfig {
        scope: Scope::AllWeights,
        ..LawnConfig::new(0)
    };
    let config = OptimizerConfig {
        backend: Backend::Cuda,
        lawn: Some(lawn),
        ..OptimizerConfig::new(AdamConfig::default(), Schedule::constant(0.01))
    };
    let parameters = Parameters::new(parameters.collect()).unwrap();
    (config.build(parameters).unwrap(), made)
}

/// Allocations of Rust's in a step in which the launches cost nothing.
fn allocations(tensors: usize, side: i64) -> u64 {
    let (mut optimizer, _tensors) = optimizer(tensors, side);
    // The first is the freeze, and the second the first after it.
    for _ in 0..2 {
        optimizer.step().unwrap();
    }
    IDLE.set(true);
    let before = COUNT.get();
    optimizer.step().unwrap();
    let count = COUNT.get() - before;
    IDLE.set(false);
    count
}

#[test]
fn a_step_allocates_little_and_as_much_for_large_parameters() {
    let (few, many) = (allocations(10, 2), allocations(110, 2));
    let each = (many - few) as f64 / 100.0;
    assert!(each <= 2.1, "{each} allocations for each parameter");
    assert!(few <= 60, "{few} allocations of a step of ten parameters");
    assert_eq!(allocations(10, 100), few);
}
