# brooklet as an image: the built command and its libraries over a slim Node 24, without npm, not as root.
#
#   docker build -t brooklet:local .
#   docker run -d --name broker --read-only --tmpfs /tmp -v brooklet-data:/data \
#     -p 127.0.0.1:4092:4092 -e BROOKLET_ALLOW_ANONYMOUS_NETWORK=true brooklet:local
#
# In here the broker listens on every address of the container, because a published port does not come by the loopback. That
# it does so without a token must be said aloud (the -e above), and it is safe only because the port is published to the
# loopback of this machine (127.0.0.1: before it). For others to reach it give it a token: docs/guide/operations.md.
# test/image/ runs these steps one by one, without Docker.

FROM node:24-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
COPY protocol/package.json protocol/
COPY server/package.json server/
COPY client-sdk/package.json client-sdk/
COPY cli/package.json cli/
COPY bench/package.json bench/
COPY test/package.json test/
RUN npm ci
# What the command needs of npm when it runs, by the same lock file; SQLite lies inside the built server.
RUN mkdir image && cp --parents package.json package-lock.json .npmrc */package.json image \
  && cd image && npm ci --omit=dev --workspace=cli \
  && rm -r node_modules/brooklet node_modules/@brooklet/* node_modules/better-sqlite3
COPY . .
RUN npm run build \
  && mv dist/brooklet image/node_modules/brooklet \
  && mv dist/client dist/protocol dist/server image/node_modules/@brooklet/

FROM node:24-bookworm-slim
WORKDIR /
# Nothing is installed in here later.
RUN rm -rf usr/local/lib/node_modules usr/local/bin/npm usr/local/bin/npx usr/local/bin/corepack usr/local/bin/yarn* opt/yarn* \
  && install -d -o 1000 -g 1000 data
COPY --from=build /build/image/node_modules /app/node_modules
ENV NODE_ENV=production
ENV BROOKLET_HOST=0.0.0.0
ENV BROOKLET_DATA=/data
USER 1000:1000
VOLUME /data
EXPOSE 4092
# /healthz asks for no token. Another port is BROOKLET_PORT's, here as for the broker.
HEALTHCHECK --interval=30s --timeout=3s --start-period=60s --start-interval=1s --retries=3 \
  CMD ["node", "-e", "require('node:http').get(`http://127.0.0.1:${process.env.BROOKLET_PORT ?? 4092}/healthz`, ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1))"]
# Node is process 1 and takes the SIGTERM of `docker stop` itself: it finishes what was begun, within the 10 s that Docker gives.
ENTRYPOINT ["node", "/app/node_modules/brooklet/bin/brooklet.js"]
CMD ["serve"]
