// Stands for the modules of Node.js that a library names and that no browser has (vite.config.ts).
export default {}
