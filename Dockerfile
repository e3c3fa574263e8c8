# Polylog in a container: docs/deploy.md shows it, test/end-to-end/container.test.ts does what it says.
FROM node:24-slim AS build
WORKDIR /polylog
COPY . .
RUN npm ci && npm run build && npm prune --omit=dev

FROM node:24-slim
COPY --from=build /polylog/package.json /polylog/LICENSE /polylog/
COPY --from=build /polylog/dist /polylog/dist
COPY --from=build /polylog/node_modules /polylog/node_modules
RUN mkdir --mode=700 /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 7654
ENTRYPOINT ["node", "/polylog/dist/cli/polylog.js", "serve"]
CMD ["--data", "/data", "--host", "0.0.0.0"]
