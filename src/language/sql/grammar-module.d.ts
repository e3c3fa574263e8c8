/** What the package `libpg-query` is built on, and has no types for. */
declare module 'libpg-query/wasm/libpg-query.js' {
  export interface GrammarModule {
    _malloc(size: number): number
    _free(address: number): void
    _wasm_parse_query_raw(text: number): number
    _wasm_free_parse_result(result: number): void
    getValue(address: number, type: 'i32'): number
    lengthBytesUTF8(text: string): number
    stringToUTF8(text: string, address: number, size: number): void
    UTF8ToString(address: number): string
  }
  export interface GrammarOptions {
    /** In place of reading and compiling the code. */
    instantiateWasm(imports: WebAssembly.Imports, receive: (instance: WebAssembly.Instance) => void): object
  }
  export default function createGrammar(options: GrammarOptions): Promise<GrammarModule>
}

/** What is used of it: the types that come with Node have none. */
declare namespace WebAssembly {
  interface Module {
    readonly [Symbol.toStringTag]: 'WebAssembly.Module'
  }
  interface Instance {
    readonly exports: object
  }
  type Imports = object
  function compile(bytes: Uint8Array): Promise<Module>
  function instantiate(module: Module, imports: Imports): Promise<Instance>
}
