;; A core module: WebAssembly, but not a component.
(module
  (func (export "run")))
