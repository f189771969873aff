export interface Options {
  /** Seed file (docs/tests.md). */
  seed?: string;
  /** Region of clients; default us-east-1. */
  region?: string;
  /** The program; default FASTNESS_BINARY, or `fastness` on the PATH. */
  binary?: string;
}

export interface Fastness {
  endpoint: string;
  account: string;
  region: string;
  /** The data directory, for `fastness why`. */
  data: string;
  /** ARNs of the seed's keys by alias. */
  keys: Record<string, string>;
  /** What a client of the AWS SDK takes, as the root user or a user of the seed. */
  client(user?: string): {
    endpoint: string;
    region: string;
    credentials: { accessKeyId: string; secretAccessKey: string };
  };
  /** What clients read from their environment to be the root user here. */
  environment(): Record<string, string>;
  /** Stops it; its data goes with it. */
  stop(): Promise<void>;
}

/** Starts `fastness dev` and resolves once it can be used. */
export function start(options?: Options): Promise<Fastness>;
