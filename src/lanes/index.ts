export { ClassScheduler } from './class-scheduler.js';
export { SCHEDULER_DEFAULTS, type SchedulerOptions } from './options.js';
